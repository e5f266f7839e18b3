"""
What the market did after a decision: pure functions from bars to results.

Only bars that began at or after the decision's moment count: one in progress at that moment holds
prices from before it. The n-th bar is the n-th that the exchange's calendar expects, so that a
missing one does not lengthen the horizon; its price is then that of the last bar before.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np

from backend.core.clock import from_ms, to_ms
from backend.core.values import Bars, IntArray, Timeframe
from backend.exchange.calendars import Calendar
from backend.exchange.sessions import bar_close_ms, expected_starts

HORIZONS = (1, 5, 20)
FARTHEST = HORIZONS[-1]
_SAME_PRICE = 1e-6


class Touched(StrEnum):
    STOP = "stop"
    TARGET = "target"


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What results are measured by, in the prices of that day; `sign` is +1 to buy, -1 to sell."""

    as_of: datetime
    sign: int
    price: float
    """The entry, or the last close where nothing was to be entered."""
    stop: float | None = None
    target: float | None = None
    """The nearest one."""


@dataclass(frozen=True, kw_only=True)
class Touch:
    what: Touched
    bar: int
    """1 is the first bar after the decision."""
    is_ambiguous: bool


@dataclass(frozen=True, kw_only=True)
class Results:
    """`returns` holds the horizons that are known, as fractions in the decision's direction."""

    bars: int
    returns: dict[int, float] = field(default_factory=dict)
    touch: Touch | None = None


def due_closes(calendar: Calendar, timeframe: Timeframe, as_of: datetime) -> IntArray:
    """When the first `FARTHEST` bars that begin at or after the moment close, UTC milliseconds."""
    # Five times the nominal length covers nights, week-ends and holidays.
    reach = timedelta(seconds=5 * FARTHEST * timeframe.seconds) + timedelta(days=45)
    since = from_ms(_first_ms(as_of))
    starts = expected_starts(calendar, timeframe, since, since + reach)[:FARTHEST]
    return bar_close_ms(calendar, timeframe, starts)


def results(
    decided: Decided, bars: Bars, calendar: Calendar, *, known_until: int, scale: float = 1.0
) -> Results:
    """
    As far as the bars are known: complete up to the close at `known_until`, UTC milliseconds.

    `bars` may hold earlier and later ones; those do not count. `scale` is what the stored prices
    are worth in those of the decision's day: 0.5 after a split of two for one.
    """
    due = due_closes(calendar, bars.timeframe, decided.as_of)
    known = due[due <= known_until]
    if not len(known):
        return Results(bars=0)
    closes = bar_close_ms(calendar, bars.timeframe, bars.time)
    is_after = (bars.time >= _first_ms(decided.as_of)) & (closes <= known[-1])
    after, closes = bars.where(is_after), closes[is_after]
    returns = {
        horizon: decided.sign * (price / (decided.price * scale) - 1)
        for horizon in HORIZONS
        if horizon <= len(known)
        and (price := _last_close(after, closes, int(known[horizon - 1]))) is not None
    }
    return Results(
        bars=len(known), returns=returns, touch=_touch(decided, after, closes, due, scale)
    )


def scale_of(bars: Bars, last_bar_time: int, last_close: float) -> float | None:
    """
    How the stored prices relate to those that the decision saw, by the last bar that it saw.

    None where that bar is not stored: then nothing can be said.
    """
    row = int(np.searchsorted(bars.time, last_bar_time))
    if row >= len(bars) or bars.time[row] != last_bar_time or last_close <= 0:
        return None
    scale = float(bars.close[row]) / last_close
    return 1.0 if abs(scale - 1) < _SAME_PRICE else scale


def _first_ms(moment: datetime) -> int:
    """Rounded up: a bar that began in the same millisecond, but before, does not count."""
    return to_ms(moment - timedelta(microseconds=1)) + 1


def _last_close(bars: Bars, closes: IntArray, by: int) -> float | None:
    count = int(np.searchsorted(closes, by, side="right"))
    return float(bars.close[count - 1]) if count else None


def _touch(
    decided: Decided, bars: Bars, closes: IntArray, due: IntArray, scale: float
) -> Touch | None:
    if decided.stop is None:
        return None
    # Seen from below for a seller, so that one set of comparisons serves both.
    sign = decided.sign
    stop = sign * decided.stop * scale
    target = np.inf if decided.target is None else sign * decided.target * scale
    best, worst = (bars.high, bars.low) if sign > 0 else (-bars.low, -bars.high)
    rows = np.flatnonzero((worst <= stop) | (best >= target))
    if not len(rows):
        return None
    row = int(rows[0])
    number = int(np.searchsorted(due, closes[row])) + 1
    opened, reached = sign * float(bars.open[row]), (worst[row] <= stop, best[row] >= target)
    # A bar that opens beyond a price reached that one first, whatever it did later.
    if opened <= stop or opened >= target:
        what = Touched.STOP if opened <= stop else Touched.TARGET
        return Touch(what=what, bar=number, is_ambiguous=False)
    what = Touched.STOP if reached[0] else Touched.TARGET
    return Touch(what=what, bar=number, is_ambiguous=bool(all(reached)))


def in_risks(fraction: float, entry: float, stop: float) -> float:
    """A return as a multiple of what was at risk: of the distance from entry to stop."""
    return fraction * entry / abs(entry - stop)


def as_pending(bars_after: int) -> Sequence[tuple[int, int]]:
    """(Horizon, bars still to close) of those that are not reached."""
    return [(horizon, horizon - bars_after) for horizon in HORIZONS if horizon > bars_after]
