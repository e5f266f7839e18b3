"""A signal's prices above each other, for a small plot: what may be won and what may be lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

HEIGHT = 200.0
MARGIN = 14.0
LINE = 15.0
"""Labels stand at least so far apart."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    label: str
    price: Decimal
    multiple: Decimal | None
    """The profit there in units of what is risked; None for entry and stop."""
    y: float
    text_y: float


@dataclass(frozen=True, kw_only=True)
class Zone:
    y: float
    height: float
    state: str


@dataclass(frozen=True, kw_only=True)
class Ladder:
    rungs: list[Rung]
    """The highest price first."""
    zones: list[Zone]


def ladder(signal: Mapping[str, Any]) -> Ladder | None:
    """None for a signal without prices."""
    if not signal.get("entry") or not signal.get("stop"):
        return None
    entry, stop = Decimal(str(signal["entry"])), Decimal(str(signal["stop"]))
    targets = [Decimal(str(price)) for price in signal.get("targets") or []]
    multiples: list[Decimal | None] = [
        Decimal(str(each)) for each in signal.get("r_multiples") or []
    ]
    named: list[tuple[str, Decimal, Decimal | None]] = [
        ("Entry", entry, None),
        ("Stop", stop, None),
    ]
    for place, price in enumerate(targets):
        multiple = multiples[place] if place < len(multiples) else None
        named.append((f"Target {place + 1}", price, multiple))
    prices = [price for _, price, _ in named]
    high, low = max(prices), min(prices)

    def y(price: Decimal) -> float:
        share = float((high - price) / ((high - low) or 1))
        return round(MARGIN + share * (HEIGHT - 2 * MARGIN), 1)

    farthest = max(targets, key=lambda price: abs(price - entry), default=entry)
    return Ladder(
        rungs=_rungs(named, y),
        zones=[_zone(y(entry), y(stop), "bad"), _zone(y(entry), y(farthest), "good")],
    )


def _rungs(
    named: list[tuple[str, Decimal, Decimal | None]], y: Callable[[Decimal], float]
) -> list[Rung]:
    ordered = sorted(named, key=lambda each: -each[1])
    places = [y(price) for _, price, _ in ordered]
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + LINE)
    over = places[-1] - (HEIGHT - 4)
    if over > 0:
        places = [place - over for place in places]
    return [
        Rung(label=label, price=price, multiple=multiple, y=y(price), text_y=round(place, 1))
        for (label, price, multiple), place in zip(ordered, places, strict=True)
    ]


def _zone(a: float, b: float, state: str) -> Zone:
    return Zone(y=min(a, b), height=round(abs(a - b), 1), state=state)
