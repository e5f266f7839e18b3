"""What can be wrong with bars, one finder per kind of defect."""

from datetime import datetime

import numpy as np
from pydantic import BaseModel

from backend.core.clock import from_ms, to_ms
from backend.core.values import Bars, FloatArray, IntArray
from backend.exchange.calendars import Calendar
from backend.exchange.sessions import BoolArray, bar_close_ms, expected_starts

# In units of the robust standard deviation; a normal day of a stock stays under 5.
_OUTLIER_Z = 8.0
_RATIOS = np.array([1.5, 2, 3, 4, 5, 6, 7, 8, 10, 15, 20, 25, 50])
_SPLITS = np.concatenate([_RATIOS, 1 / _RATIOS])
# How far an overnight move may push the ratio of a real split.
_SPLIT_TOLERANCE = 0.03


class Outlier(BaseModel):
    """`move` is the fraction from the close before; `z` counts robust standard deviations."""

    start: datetime
    move: float
    z: float


class SuspectedSplit(BaseModel):
    """`ratio` is the close before divided by the open: 2 for two new shares for one."""

    start: datetime
    ratio: float


def bad_rows(bars: Bars) -> BoolArray:
    """Prices that are no numbers, not above zero or outside the bar's own range; odd volumes."""
    prices = np.stack([bars.open, bars.high, bars.low, bars.close])
    slack = 1e-9 * np.abs(bars.high)
    with np.errstate(invalid="ignore"):
        is_good = np.all(np.isfinite(prices) & (prices > 0), axis=0)
        is_good &= np.all(prices <= bars.high + slack, axis=0)
        is_good &= np.all(prices >= bars.low - slack, axis=0)
        is_good &= np.isfinite(bars.volume) & (bars.volume >= 0)
    is_bad: BoolArray = ~is_good
    return is_bad


def missing_starts(bars: Bars, calendar: Calendar, closes: IntArray) -> tuple[IntArray, int]:
    """
    The expected starts between the first and the last bar that no bar covers, and how many
    are expected. Intraday, a bar that overlaps an expected one covers it: IBKR counts the bars of
    some exchanges from the full hour instead of the open.
    """
    if len(bars) == 0:
        return np.empty(0, dtype=np.int64), 0
    first, last = int(bars.time.min()), int(bars.time.max())
    expected = expected_starts(calendar, bars.timeframe, from_ms(first), from_ms(last + 1))
    if not bars.timeframe.is_intraday:
        due = bar_close_ms(calendar, bars.timeframe, expected)
        return expected[~np.isin(due, closes)], len(expected)
    times, length = np.sort(bars.time), bars.timeframe.seconds * 1000
    rows = np.searchsorted(times, expected - length, side="right")
    nearest = times[np.minimum(rows, len(times) - 1)]
    is_covered = (rows < len(times)) & (nearest < expected + length)
    return expected[~is_covered], len(expected)


def lag(bars: Bars, calendar: Calendar, closes: IntArray, moment: datetime) -> tuple[int, int]:
    """How many bars, and whole sessions, should have closed since the last bar did."""
    if len(bars) == 0:
        return 0, 0
    last_start, last_close = int(bars.time.max()), int(closes.max())
    starts = expected_starts(calendar, bars.timeframe, from_ms(last_start), moment)
    due = bar_close_ms(calendar, bars.timeframe, starts)
    due = due[(due > last_close) & (due <= to_ms(moment))]
    if len(due) == 0:
        return 0, 0
    sessions = calendar.first_closing_after(int(due[-1])) - calendar.first_closing_after(last_close)
    return len(due), sessions


def outliers(bars: Bars, bad: BoolArray) -> list[Outlier]:
    """Returns far from the median, measured by the median absolute deviation (Hampel's rule)."""
    times, close = bars.time[~bad], bars.close[~bad]
    if len(close) < 3:
        return []
    returns = np.diff(np.log(close))
    centre = np.median(returns)
    # 1.4826 makes the deviation of a normal distribution out of it; the floor is a hundredth of
    # a per cent, so that a price that hardly moves has no outliers among its ticks.
    deviation = max(1.4826 * float(np.median(np.abs(returns - centre))), 1e-4)
    z = (returns - centre) / deviation
    return [
        Outlier(
            start=from_ms(int(times[row + 1])), move=float(np.expm1(returns[row])), z=float(z[row])
        )
        for row in np.flatnonzero(np.abs(z) > _OUTLIER_Z)
    ]


def suspected_splits(bars: Bars, bad: BoolArray) -> list[SuspectedSplit]:
    """
    Overnight jumps by a split's ratio after which about as much money changes hands as before.

    A crash or a rally to half or double the price brings many times the usual turnover.
    """
    good = bars.where(~bad)
    if len(good) < 2:
        return []
    ratio = good.close[:-1] / good.open[1:]
    distance = np.min(np.abs(ratio[:, None] / _SPLITS - 1), axis=1)
    turnover = good.close * good.volume
    return [
        SuspectedSplit(start=from_ms(int(good.time[row + 1])), ratio=float(ratio[row]))
        for row in np.flatnonzero(distance < _SPLIT_TOLERANCE)
        if _turnover_is_steady(turnover, int(row) + 1)
    ]


def _turnover_is_steady(turnover: FloatArray, row: int) -> bool:
    before = float(np.median(turnover[max(row - 10, 0) : row]))
    after = float(np.median(turnover[row : row + 3]))
    # Without volumes nothing speaks against a split.
    return before == 0 or after == 0 or 1 / 3 < after / before < 3
