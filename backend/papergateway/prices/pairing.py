"""
Which day of the data is served in which session, weeks on weeks.

* A week of the data lies on a week of the calendar, weekday on weekday.
* Where a week has as many data days as sessions, they pair off in order, though a holiday may have
  fallen on another weekday. So do two to four weeks in a row that come out even together: a day
  that a holiday drives out of its week finds the session that another holiday left free, and the
  days between move by one session. Most holidays come out even in this way.
* A data day too many (September 11th has no counterpart, Juneteenth had none) is joined to the next
  session of its week, or to its last one.
* A session too many is left quiet.
* A week without any data stays empty, as a halted share would.
"""

from collections.abc import Sequence

import numpy as np

from backend.core.values import IntArray

QUIET, EMPTY = -1, -2
# Good Friday moves by up to five weeks, but by more than three in few years.
_WEEKS_TOGETHER = 4
Span = tuple[int, int]


def pair(data: IntArray, sessions: IntArray) -> tuple[IntArray, IntArray]:
    """
    For each session the first and the last data day, as indices; `QUIET` or `EMPTY` without one.

    Both arguments are ascending day ordinals, on the same calendar.
    """
    first = np.full(len(sessions), EMPTY, dtype=np.int64)
    last = first.copy()
    data_edges, session_edges = _week_edges(data, sessions)
    data_counts, surplus = np.diff(data_edges), np.diff(data_edges) - np.diff(session_edges)
    week = 0
    while week < len(surplus):
        together = _weeks_together(surplus[week:], data_counts[week:]) if data_counts[week] else 1
        rows = slice(data_edges[week], data_edges[week + together])
        days = slice(session_edges[week], session_edges[week + together])
        week += together
        if rows.start == rows.stop or days.start == days.stop:
            continue
        spans = match(data[rows].tolist(), sessions[days].tolist())
        offset = int(rows.start)
        first[days] = [QUIET if span is None else offset + span[0] for span in spans]
        last[days] = [QUIET if span is None else offset + span[1] for span in spans]
    return first, last


def _week_edges(data: IntArray, sessions: IntArray) -> tuple[IntArray, IntArray]:
    """Where each week of the data begins, in both lists; the calendar joins in on the first day."""
    weeks = np.arange((data[0] - 1) // 7, (data[-1] - 1) // 7 + 2)
    # Ordinal 1 was a Monday.
    mondays = np.maximum(weeks * 7 + 1, data[0])
    return np.searchsorted(data, mondays), np.searchsorted(sessions, mondays)


def _weeks_together(surplus: IntArray, data_counts: IntArray) -> int:
    """How many weeks from here come out even, one where none of the next do."""
    for count in range(1, min(_WEEKS_TOGETHER, len(surplus)) + 1):
        if data_counts[count - 1] == 0:
            break
        if surplus[:count].sum() == 0:
            return count
    return 1


def match(rows: Sequence[int], days: Sequence[int]) -> list[Span | None]:
    """
    For each of `days` the first and last of `rows` that it serves, or None.

    >>> match([1, 2, 3, 4, 5], [1, 2, 3, 5])  # Thursday is a holiday: its day joins Friday's
    [(0, 0), (1, 1), (2, 2), (3, 4)]
    >>> match([2, 3, 4, 5], [1, 2, 3, 4, 5])  # Monday was one: it is quiet
    [None, (0, 0), (1, 1), (2, 2), (3, 3)]
    """
    missing = len(days) - len(rows)
    quiet = [day for day in days if day not in rows][: max(missing, 0)]
    joined = [row for row in rows if row not in days][: max(-missing, 0)]
    ends = [index for index, row in enumerate(rows) if row not in joined]
    starts = [0, *(end + 1 for end in ends[:-1])]
    ends[-1] = len(rows) - 1
    spans = iter(zip(starts, ends, strict=True))
    return [None if day in quiet else next(spans) for day in days]
