"""
Lays a history on the sessions of another time; `pairing` says which day falls on which session.

* Days that were joined are served as one: it opens, ranges, closes and trades as all of them.
* A quiet day lies on the straight line from the close before it to the open after it. It has half
  the volume of its quieter neighbour, and moves off the line by a quarter of the narrower range.
* When the data ends it is played again, and every other time upside down: each price becomes
  `turn / price`, which joins one lap to the next without a jump and keeps prices bounded for ever.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.core.values import IntArray
from backend.papergateway.prices.calendar import Sessions
from backend.papergateway.prices.history import History
from backend.papergateway.prices.pairing import EMPTY, pair

_QUIET_RANGE = 4


@dataclass(frozen=True, kw_only=True)
class LaidHistory:
    """
    One entry per session of the exchange; only those with `has` carry prices, in ticks.

    `prior` is the close before the session (the open itself at the very beginning). `row` is the
    data day served unchanged in the session, -1 for quiet, joined and turned days.
    """

    has: NDArray[np.bool_]
    open: IntArray
    high: IntArray
    low: IntArray
    close: IntArray
    volume: IntArray
    prior: IntArray
    row: IntArray


def lay(history: History, sessions: Sessions, shift_weeks: int) -> LaidHistory:
    day, row, lap = _laps(history, shift_weeks, int(sessions.days[-1]))
    first, last = pair(day, sessions.days)
    real = first >= 0
    # A quiet day needs a close before it.
    has = (first != EMPTY) & np.logical_or.accumulate(real)
    top, end = row[first], row[last]
    columns = _columns(history, top, end)
    turned = lap[first] % 2 == 1
    _turn(columns, history, real & turned)
    _fill_quiet_days(columns, real, has)
    return LaidHistory(
        has=has,
        prior=_prior_closes(columns["open"], columns["close"], has),
        row=np.where(real & (top == end) & ~turned, top, -1),
        **columns,
    )


def _laps(history: History, shift_weeks: int, until: int) -> tuple[IntArray, IntArray, IntArray]:
    """Day on the new calendar, row of the data and number of the lap, lap after lap."""
    days = history.days + 7 * shift_weeks
    first_week, last_week = (days[0] - 1) // 7, (days[-1] - 1) // 7
    length = 7 * int(last_week - first_week + 1)
    count = max(1, 1 + (until - int(days[0])) // length)
    lap = np.repeat(np.arange(count), len(days))
    row = np.tile(np.arange(len(days)), count)
    return days[row] + lap * length, row, lap


def _columns(history: History, top: IntArray, end: IntArray) -> dict[str, IntArray]:
    """Each session as the data days from `top` to `end`; sessions without data are overwritten."""
    columns = {
        "open": history.open[top],
        "high": history.high[top],
        "low": history.low[top],
        "close": history.close[end],
        "volume": history.volume[top],
    }
    for index in np.flatnonzero(end > top):
        joined = slice(top[index], end[index] + 1)
        columns["high"][index] = history.high[joined].max()
        columns["low"][index] = history.low[joined].min()
        columns["volume"][index] = history.volume[joined].sum()
    return columns


def _turn(columns: dict[str, IntArray], history: History, odd: NDArray[np.bool_]) -> None:
    """A turned day opens where the lap before it closed: turn = last close x first open."""
    turn = float(history.close[-1]) * float(history.open[0])
    turned = {
        name: np.maximum(np.rint(turn / columns[source][odd]), 1).astype(np.int64)
        for name, source in (("open", "open"), ("high", "low"), ("low", "high"), ("close", "close"))
    }
    for name, prices in turned.items():
        columns[name][odd] = prices


def _fill_quiet_days(
    columns: dict[str, IntArray], real: NDArray[np.bool_], has: NDArray[np.bool_]
) -> None:
    known, missing = np.flatnonzero(real), np.flatnonzero(has & ~real)
    for quiet in np.split(missing, np.flatnonzero(np.diff(missing) > 1) + 1):
        if len(quiet):
            place = int(np.searchsorted(known, quiet[0]))
            before, after = int(known[place - 1]), int(known[min(place, len(known) - 1)])
            _fill(columns, quiet, before, after)


def _fill(columns: dict[str, IntArray], quiet: IntArray, before: int, after: int) -> None:
    """At the very end of the calendar, where nothing comes after, the price stands."""
    start = columns["close"][before]
    goal = columns["open"][after] if after > before else start
    line = np.rint(np.linspace(start, goal, len(quiet) + 1)).astype(np.int64)
    extents = (columns["high"][day] - columns["low"][day] for day in (before, after))
    reach = min(extents) // _QUIET_RANGE
    columns["open"][quiet], columns["close"][quiet] = line[:-1], line[1:]
    columns["high"][quiet] = np.maximum(line[:-1], line[1:]) + reach
    columns["low"][quiet] = np.maximum(np.minimum(line[:-1], line[1:]) - reach, 1)
    columns["volume"][quiet] = min(columns["volume"][before], columns["volume"][after]) // 2


def _prior_closes(opens: IntArray, closes: IntArray, has: NDArray[np.bool_]) -> IntArray:
    known = np.flatnonzero(has)
    prior = opens.copy()
    prior[known[1:]] = closes[known[:-1]]
    return prior
