"""
When an exchange trades and when its bars close; pure functions on a `Calendar`.

Moments are aware UTC datetimes, bar times UTC milliseconds. Only regular hours count.
"""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache

import numpy as np
from numpy.typing import NDArray

from backend.core.clock import from_ms, to_ms
from backend.core.values import Bars, IntArray, Timeframe
from backend.exchange.calendars import Calendar

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Session:
    """`is_half_day` when it closes earlier than the exchange's usual hour."""

    date: date
    open: datetime
    close: datetime
    is_half_day: bool


def is_open(calendar: Calendar, moment: datetime) -> bool:
    """
    From the open on, up to but without the close, lunch breaks left out.

    Raises `InvalidInput` code `calendar_ended` behind the last session that is known.
    """
    calendar.require_known(moment)
    row, time = _row_opened_by(calendar, moment), to_ms(moment)
    if row < 0 or time >= calendar.close_list[row]:
        return False
    return not calendar.break_starts[row] <= time < calendar.break_ends[row]


def session_on(calendar: Calendar, day: date) -> Session | None:
    """The session of that date in the exchange's zone; None on a holiday."""
    row = calendar.row_of_date.get(day)
    return None if row is None else _session(calendar, row)


def current_session(calendar: Calendar, moment: datetime) -> Session | None:
    """The session that has opened and not closed by then, also during its lunch break."""
    row = _row_opened_by(calendar, moment)
    is_over = row < 0 or to_ms(moment) >= calendar.close_list[row]
    return None if is_over else _session(calendar, row)


def next_session(calendar: Calendar, moment: datetime) -> Session | None:
    """The first session that opens after the moment; None behind the calendar's end."""
    row = _row_opened_by(calendar, moment) + 1
    return _session(calendar, row) if row < len(calendar.opens) else None


def previous_session(calendar: Calendar, moment: datetime) -> Session | None:
    """The last session that has closed by the moment; None before the calendar's start."""
    row = calendar.first_closing_after(to_ms(moment)) - 1
    return _session(calendar, row) if row >= 0 else None


def bar_close_ms(calendar: Calendar, timeframe: Timeframe, start_ms: IntArray) -> IntArray:
    """
    When the bars that start at these moments are complete.

    Intraday: start plus length, cut at the session's close. Daily: the close of the session.
    Weekly and monthly: the close of the last session of that week (Monday to Sunday) or month.
    A start outside every session (a daily bar stamped at midnight, a bar on an unknown holiday)
    counts as part of the next session, so that no bar passes for closed too early. Behind the
    calendar's end the timeframe's nominal length is added, 31 days for a month.
    """
    starts = np.asarray(start_ms, dtype=np.int64)
    rows = np.searchsorted(calendar.closes, starts, side="right")
    is_known = rows < len(calendar.closes)
    rows = np.minimum(rows, len(calendar.closes) - 1)
    if not timeframe.is_intraday:
        rows = _last_rows(calendar, timeframe)[rows]
    closes = calendar.closes[rows]
    nominal = starts + _nominal_ms(timeframe)
    if timeframe.is_intraday:
        closes = np.minimum(closes, nominal)
    return np.where(is_known, closes, nominal)


def closed_as_of(calendar: Calendar, bars: Bars, moment: datetime) -> BoolArray:
    """The as-of rule: a decision sees only the bars that had closed by its moment."""
    is_closed: BoolArray = bar_close_ms(calendar, bars.timeframe, bars.time) <= to_ms(moment)
    return is_closed


def expected_starts(
    calendar: Calendar, timeframe: Timeframe, start: datetime, end: datetime
) -> IntArray:
    """
    The starts in [start, end) of the bars that a complete regular-hours history has.

    As IBKR stamps them: intraday bars count from the session's open (the last one of a session
    may be short), daily bars carry the session's open, weekly and monthly ones the open of
    their first session. Intraday bars that lie wholly within a lunch break do not exist.
    """
    start_ms, end_ms = to_ms(start), to_ms(end)
    if timeframe.is_intraday:
        # A session that opened before `start` may still have bars to come.
        rows = calendar.rows_between(start_ms, end_ms)
        rows = slice(max(rows.start - 1, 0), rows.stop)
        starts = _intraday_starts(calendar, timeframe.seconds * 1000, rows)
    else:
        rows = calendar.rows_between(start_ms, end_ms)
        period = _period(calendar, timeframe)
        is_first = np.diff(period, prepend=period[0] - 1) != 0
        starts = calendar.opens[rows][is_first[rows]]
    return starts[(starts >= start_ms) & (starts < end_ms)]


def window_start(
    calendar: Calendar, timeframe: Timeframe, count: int, moment: datetime
) -> datetime:
    """
    A start from which a complete history has at least `count` bars closed by the moment.

    The calendar's first session where it does not reach that far back.
    """
    row = max(calendar.first_closing_after(to_ms(moment)) - 1, 0)
    if timeframe.is_intraday:
        per_session = max(1, _shortest_trading_ms(calendar) // (timeframe.seconds * 1000))
        back = -(-count // per_session) + 1
    else:
        # Calendar days, so enough for exchanges that never close; two for the periods cut off.
        back = (count + 2) * {Timeframe.DAY: 1, Timeframe.WEEK: 7, Timeframe.MONTH: 31}[timeframe]
    starts = expected_starts(
        calendar, timeframe, from_ms(calendar.open_list[max(row - back, 0)]), moment
    )
    closed = starts[bar_close_ms(calendar, timeframe, starts) <= to_ms(moment)]
    if len(closed) == 0:
        return from_ms(calendar.open_list[0])
    return from_ms(int(closed[max(len(closed) - count, 0)]))


def _row_opened_by(calendar: Calendar, moment: datetime) -> int:
    return bisect_right(calendar.open_list, to_ms(moment)) - 1


def _session(calendar: Calendar, row: int) -> Session:
    return Session(
        date=calendar.dates[row : row + 1].astype("datetime64[D]").astype(object)[0],
        open=from_ms(calendar.open_list[row]),
        close=from_ms(calendar.close_list[row]),
        is_half_day=bool(calendar.is_half_day[row]),
    )


@cache
def _shortest_trading_ms(calendar: Calendar) -> int:
    pauses = calendar.break_ends - calendar.break_starts
    return int(np.min(calendar.closes - calendar.opens - pauses))


@cache
def _period(calendar: Calendar, timeframe: Timeframe) -> IntArray:
    """A number per session that is equal within one day, week (Monday to Sunday) or month."""
    if timeframe is Timeframe.DAY:
        return calendar.dates
    if timeframe is Timeframe.WEEK:
        return (calendar.dates + 3) // 7  # 1970-01-01 was a Thursday
    return calendar.dates.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)


@cache
def _last_rows(calendar: Calendar, timeframe: Timeframe) -> IntArray:
    """For each session, the row of the last one in the same period."""
    period = _period(calendar, timeframe)
    return np.searchsorted(period, period, side="right").astype(np.int64) - 1


def _nominal_ms(timeframe: Timeframe) -> int:
    return (31 * 86_400 if timeframe is Timeframe.MONTH else timeframe.seconds) * 1000


def _intraday_starts(calendar: Calendar, length: int, rows: slice) -> IntArray:
    opens, closes = calendar.opens[rows], calendar.closes[rows]
    counts = -((opens - closes) // length)
    first = np.cumsum(counts) - counts
    steps = np.arange(int(counts.sum()), dtype=np.int64) - np.repeat(first, counts)
    starts = np.repeat(opens, counts) + steps * length
    in_break = (starts >= np.repeat(calendar.break_starts[rows], counts)) & (
        np.minimum(starts + length, np.repeat(closes, counts))
        <= np.repeat(calendar.break_ends[rows], counts)
    )
    result: IntArray = starts[~in_break]
    return result
