"""
Lays the days of a history on the sessions of another time, week on week.

The rule, the same for every start date, so that what was served yesterday is served today:

* Week `w` of the data lies on week `w + shift_weeks`, weekday on weekday.
* Where a week has as many data days as sessions, they pair off in order, though a holiday may have
  fallen on another weekday.
* A data day too many (a holiday now that was none then) is carried into the next session of its
  week, or into the last one: that session opens, ranges, closes and trades as both days together.
  No real day is lost.
* A session too many (a holiday then that is none now) is a quiet day on the straight line from the
  close before it to the open after it, at half the volume of its quieter neighbour.
* A week without any data day stays empty, as a halted share would.
* When the data ends it is played again, and every other time upside down: each price becomes
  `turn / price`, which joins one lap to the next without a jump and keeps prices bounded for ever.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.core.values import IntArray
from backend.papergateway.prices.calendar import Sessions
from backend.papergateway.prices.history import History

_QUIET = -1
Span = tuple[int, int]


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
    first, last, lap = _spans(history, sessions, shift_weeks)
    real = first >= 0
    has = real | ((first == _QUIET) & _after_first(real))
    columns = _columns(history, first, last)
    _turn(columns, history, real & (lap % 2 == 1))
    _fill_quiet_days(columns, real, has)
    unchanged = real & (first == last) & (lap % 2 == 0)
    return LaidHistory(
        has=has,
        prior=_prior_closes(columns["open"], columns["close"], has),
        row=np.where(unchanged, first, -1),
        **columns,
    )


def _spans(
    history: History, sessions: Sessions, shift_weeks: int
) -> tuple[IntArray, IntArray, IntArray]:
    """First and last data day of each session, -1 where it is quiet, -2 where empty; its lap."""
    first = np.full(len(sessions), -2, dtype=np.int64)
    last, lap = first.copy(), np.zeros(len(sessions), dtype=np.int64)
    data_weeks = (history.days - 1) // 7
    begin, count = int(data_weeks[0]), int(data_weeks[-1] - data_weeks[0] + 1)
    edges = np.searchsorted(data_weeks - begin, np.arange(count + 1))
    weekdays = (history.days - 1) % 7
    for week, start, stop in _runs(sessions.weeks):
        nth_lap, within = divmod(week - begin - shift_weeks, count)
        if nth_lap < 0 or edges[within] == edges[within + 1]:
            continue
        top = int(edges[within])
        rows = weekdays[top : edges[within + 1]].tolist()
        days = ((sessions.days[start:stop] - 1) % 7).tolist()
        for offset, span in enumerate(match(rows, days)):
            quiet = span is None
            first[start + offset] = _QUIET if quiet else top + span[0]
            last[start + offset] = _QUIET if quiet else top + span[1]
        lap[start:stop] = nth_lap
    return first, last, lap


def _runs(keys: IntArray) -> Iterator[tuple[int, int, int]]:
    """(key, start, stop) of each run of equal keys."""
    starts = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    for start, stop in zip(starts, np.append(starts[1:], len(keys)), strict=True):
        yield int(keys[start]), int(start), int(stop)


def match(rows: Sequence[int], days: Sequence[int]) -> list[Span | None]:
    """
    For each session of a week (weekdays, 0 is Monday) its first and last data day, or None.

    >>> match([0, 1, 2, 3, 4], [0, 1, 2, 4])  # Thursday is a holiday: its day joins Friday's
    [(0, 0), (1, 1), (2, 2), (3, 4)]
    >>> match([1, 2, 3, 4], [0, 1, 2, 3, 4])  # Monday was one: it is quiet
    [None, (0, 0), (1, 1), (2, 2), (3, 3)]
    """
    surplus = len(rows) - len(days)
    if surplus <= 0:
        quiet = [index for index, day in enumerate(days) if day not in rows][: -surplus or None]
        quiet = quiet if surplus else []
        numbers = iter(range(len(rows)))
        return [None if index in quiet else _single(next(numbers)) for index in range(len(days))]
    carried = [index for index, row in enumerate(rows) if row not in days][:surplus]
    ends = [index for index in range(len(rows)) if index not in carried]
    starts = [0, *(end + 1 for end in ends[:-1])]
    ends[-1] = len(rows) - 1
    return list(zip(starts, ends, strict=True))


def _single(row: int) -> Span:
    return row, row


def _after_first(real: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Quiet days need a close before them."""
    return np.logical_or.accumulate(real)


def _columns(history: History, first: IntArray, last: IntArray) -> dict[str, IntArray]:
    top, end = np.maximum(first, 0), np.maximum(last, 0)
    columns = {
        "open": history.open[top],
        "high": history.high[top],
        "low": history.low[top],
        "close": history.close[end],
        "volume": history.volume[top],
    }
    for index in np.flatnonzero(top != end):
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
    known = np.flatnonzero(real)
    for quiet in np.split(
        np.flatnonzero(has & ~real),
        np.flatnonzero(np.diff(np.flatnonzero(has & ~real)) > 1) + 1,
    ):
        if len(quiet) == 0:
            continue
        before = known[np.searchsorted(known, quiet[0]) - 1]
        after = known[min(np.searchsorted(known, quiet[0]), len(known) - 1)]
        start = columns["close"][before]
        goal = columns["open"][after] if after > before else start
        line = np.rint(np.linspace(start, goal, len(quiet) + 1)).astype(np.int64)
        columns["open"][quiet], columns["close"][quiet] = line[:-1], line[1:]
        columns["high"][quiet] = np.maximum(line[:-1], line[1:])
        columns["low"][quiet] = np.minimum(line[:-1], line[1:])
        columns["volume"][quiet] = min(columns["volume"][before], columns["volume"][after]) // 2


def _prior_closes(opens: IntArray, closes: IntArray, has: NDArray[np.bool_]) -> IntArray:
    known = np.flatnonzero(has)
    prior = opens.copy()
    prior[known[1:]] = closes[known[:-1]]
    return prior
