"""What totals look like: the running sum, how R is spread, and excursions against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from backend.journal.totals import Point

MOST_POINTS = 240
"""Of a line: more would lie within a pixel of each other."""
MOST_DOTS = 400
HALF_R = Decimal("0.5")
LOWEST_R, HIGHEST_R = Decimal(-2), Decimal(4)
MOST_R = 4.0
"""Where the plot of excursions ends; what lies beyond stands at its edge."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """
    A running sum as stairs; `x` and `y` run from 0 to 1, `zero` is where nothing was won or lost.
    """

    stairs: list[tuple[float, float]]
    dots: list[dict[str, Any]]
    zero: float
    y_labels: list[tuple[float, Decimal]]
    x_labels: list[tuple[float, str]]


def curve(points: Sequence[Point]) -> Curve:
    """From nothing, one step for each closed round trip."""
    totals = [Decimal(0), *(point.total for point in points)]
    low, high = min(totals), max(totals)
    reach = (high - low) or Decimal(1)
    places = [float((total - low) / reach) for total in totals]
    across = [number / len(points) for number in range(len(totals))]
    kept = _thinned(places)
    return Curve(
        stairs=[(across[at], places[at]) for at in kept],
        dots=[_dot(point, across[at], places[at]) for at, point in enumerate(points, start=1)]
        if len(points) <= MOST_POINTS // 4
        else [],
        zero=float(-low / reach),
        y_labels=[(0.0, low), (1.0, high)] if high != low else [(0.0, low)],
        x_labels=[(0.0, f"{points[0].closed_at:%Y-%m-%d}"), (0.88, _last_day(points))],
    )


def _last_day(points: Sequence[Point]) -> str:
    return "" if len(points) == 1 else f"{points[-1].closed_at:%Y-%m-%d}"


def _dot(point: Point, x: float, y: float) -> dict[str, Any]:
    return {"x": x, "y": y, "state": _state(point.net), "href": f"/journal/{point.id}"} | {
        "title": f"{point.symbol}, {point.closed_at:%Y-%m-%d}: {point.net:+,.2f},"
        f" together {point.total:,.2f}"
    }


def _thinned(values: Sequence[float]) -> list[int]:
    """Which of many to draw: of each stretch its highest and its lowest, so that no dip is lost."""
    if len(values) <= MOST_POINTS:
        return list(range(len(values)))
    size = -(-len(values) // (MOST_POINTS // 2))
    kept = {0, len(values) - 1}
    for start in range(0, len(values), size):
        stretch = range(start, min(start + size, len(values)))
        kept |= {min(stretch, key=values.__getitem__), max(stretch, key=values.__getitem__)}
    return sorted(kept)


def spread_of_r(points: Sequence[Point]) -> list[dict[str, Any]]:
    """A column for each half R: its share of all; the outermost hold all that lies beyond."""
    known = [point.net_r for point in points if point.net_r is not None]
    bins = int((HIGHEST_R - LOWEST_R) / HALF_R) + 2
    counted = [0] * bins
    for value in known:
        counted[_bin(value, bins)] += 1
    return [_column(number, count, len(known), bins) for number, count in enumerate(counted)]


def _bin(value: Decimal, bins: int) -> int:
    return min(max(int((value - LOWEST_R) // HALF_R) + 1 if value >= LOWEST_R else 0, 0), bins - 1)


def _column(number: int, count: int, total: int, bins: int) -> dict[str, Any]:
    start = LOWEST_R + (number - 1) * HALF_R
    said = f"{start} to {start + HALF_R} R"
    if number in (0, bins - 1):
        said = f"below {LOWEST_R} R" if number == 0 else f"{HIGHEST_R} R and more"
    label = f"{start:+.0f}" if number and number % 2 else ""
    return {
        "label": "0" if label in ("+0", "-0") else label,
        "value": count / total if total else None,
        "count": count,
        "state": "bad" if number == 0 or start < 0 else "good",
        "title": f"{said}: {count} of {total}",
    }


def excursions(points: Sequence[Point]) -> list[dict[str, Any]]:
    """How far each went against us (across) and for us (up), in R; the newest ones."""
    known = [point for point in points if point.mae_r is not None and point.mfe_r is not None]
    return [_excursion(point) for point in known[-MOST_DOTS:]]


def _excursion(point: Point) -> dict[str, Any]:
    against, gone_for = float(point.mae_r or 0), float(point.mfe_r or 0)
    result = "" if point.net_r is None else f", came to {point.net_r:+.2f} R"
    return {
        "x": min(against, MOST_R / 2) / (MOST_R / 2),
        "y": min(gone_for, MOST_R) / MOST_R,
        "state": _state(point.net),
        "href": f"/journal/{point.id}",
        "title": f"{point.symbol}: {against:.2f} R against, {gone_for:.2f} R for it{result}",
    }


def _state(net: Decimal) -> str:
    return "good" if net > 0 else "bad" if net < 0 else "idle"


ACROSS = [(at / 4, f"{at / 4 * MOST_R / 2:g} R") for at in range(5)]
UPWARDS = [(at / 4, f"{at / 4 * MOST_R:g} R") for at in range(5)]
