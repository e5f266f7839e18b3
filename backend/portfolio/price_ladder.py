"""The prices of a trade above each other, as a small plot: its orders, and where the market is."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from backend.portfolio.orders.listing import Listed
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.order_state import OrderState

HEIGHT = 220.0
MARGIN = 16.0
LINE = 17.0
"""Labels stand at least so far apart."""

_OVER = (OrderState.CANCELLED, OrderState.REFUSED, OrderState.WITHDRAWN)


@dataclass(frozen=True, kw_only=True)
class Rung:
    label: str
    price: Decimal
    kind: str
    """entry, stop, target or now."""
    share: Decimal | None
    """How far from the market, as a fraction of it; None where the market is not known."""
    is_over: bool
    y: float
    text_y: float


@dataclass(frozen=True, kw_only=True)
class Zone:
    y: float
    height: float
    state: str


@dataclass(frozen=True, kw_only=True)
class PriceLadder:
    rungs: Sequence[Rung]
    """The highest price first."""
    zones: Sequence[Zone]


def price_ladder(
    trip: RoundTrip, orders: Sequence[Listed], now: Decimal | None
) -> PriceLadder | None:
    """None while fewer than two prices are known. What was cancelled without a fill is left out."""
    named = _named(trip, [each.order for each in orders])
    if now is not None:
        named.append(("Now", now, "now", False))
    prices = [price for _, price, _, _ in named]
    if len(set(prices)) < 2:
        return None
    high, low = max(prices), min(prices)

    def y(price: Decimal) -> float:
        return round(MARGIN + float((high - price) / (high - low)) * (HEIGHT - 2 * MARGIN), 1)

    ordered = sorted(named, key=lambda each: -each[1])
    places = _apart([y(price) for _, price, _, _ in ordered])
    rungs = [
        Rung(
            label=label,
            price=price,
            kind=kind,
            share=(price - now) / now if now and kind != "now" else None,
            is_over=is_over,
            y=y(price),
            text_y=place,
        )
        for (label, price, kind, is_over), place in zip(ordered, places, strict=True)
    ]
    return PriceLadder(rungs=rungs, zones=_zones(rungs))


def _named(trip: RoundTrip, orders: Sequence[Order]) -> list[tuple[str, Decimal, str, bool]]:
    """Label, price, kind and whether it is over."""
    entry = trip.entry_price or trip.decision_price
    label = "Entry" if trip.entry_price else "Entry, as decided"
    found = [(label, entry, "entry", trip.entry_price is not None)]
    targets = 0
    for order in orders:
        kind, price = _priced(order)
        if price is None or (order.state in _OVER and not order.filled):
            continue
        targets += kind == "target"
        name = {"stop": "Stop", "target": f"Target {targets}"}[kind]
        found.append((name, price, kind, order.done_at is not None))
    return found


def _priced(order: Order) -> tuple[str, Decimal | None]:
    if order.role is Role.STOP:
        return "stop", order.stop_price
    return "target", order.limit_price if order.role is Role.TARGET else None


def _apart(places: list[float]) -> list[float]:
    for index in range(1, len(places)):
        places[index] = max(places[index], places[index - 1] + LINE)
    over = max(0.0, places[-1] - (HEIGHT - 6))
    return [round(place - over, 1) for place in places]


def _zones(rungs: Sequence[Rung]) -> list[Zone]:
    entry = next(rung.y for rung in rungs if rung.kind == "entry")
    zones = []
    for kind, state in (("stop", "bad"), ("target", "good")):
        ends = [rung.y for rung in rungs if rung.kind == kind]
        if ends:
            end = max(ends, key=lambda y: abs(y - entry))
            height = round(abs(end - entry), 1)
            zones.append(Zone(y=min(entry, end), height=height, state=state))
    return zones
