"""The trading days of a user's file, out of daily or intraday rows."""

from datetime import date

import numpy as np

from backend.core.values import IntArray
from backend.papergateway.prices.calendar import MINUTE_MS, Sessions
from backend.papergateway.prices.file_columns import refuse
from backend.papergateway.prices.files import Table
from backend.papergateway.prices.history import History, Rows

# Overnight jumps of this size are nearly always splits that the source did not adjust for.
_SPLIT_LIKE = 1.8


def history(table: Table, sessions: Sessions) -> History:
    """Raises `InvalidInput` where no row falls into the exchange's hours. Adds to the notes."""
    one_row_a_day = bool((np.diff(table.days) > 0).all())
    if not np.isin(table.days, sessions.days).any():
        last = _iso(sessions.days[-1])
        fault = f"none of its days is a session of the exchange until {last}; check the dates."
        refuse(table.path, fault)
    made = _daily(table, sessions) if one_row_a_day else _intraday(table, sessions)
    _note_gaps(table, made, sessions)
    _note_splits(table, made)
    return made


def _daily(table: Table, sessions: Sessions) -> History:
    days = table.days
    odd = ~np.isin(days, sessions.days) & (days <= sessions.days[-1])
    if odd.any():
        table.note(
            f"{odd.sum()} rows lie on days without a session (first {_iso(days[odd][0])});"
            " they were laid on sessions near them."
        )
    return History(days=days, rows=None, **table.numbers)


def _intraday(table: Table, sessions: Sessions) -> History:
    index = np.searchsorted(sessions.days, table.days)
    index = np.minimum(index, len(sessions) - 1)
    minute = (table.time - sessions.wall_opens[index]) // MINUTE_MS
    _check_whole_minutes(table)
    length = (sessions.closes - sessions.opens)[index] // MINUTE_MS
    inside = (sessions.days[index] == table.days) & (minute >= 0) & (minute < length)
    if not inside.any():
        fault = (
            "no row falls into regular trading hours, 09:30 to 16:00 in New York; check the times."
        )
        refuse(table.path, fault)
    if not inside.all():
        table.note(f"{(~inside).sum()} rows outside regular trading hours were left out.")
    columns = {name: values[inside] for name, values in table.numbers.items()}
    return _folded(table, table.days[inside], minute[inside], length[inside], columns)


def _check_whole_minutes(table: Table) -> None:
    broken = table.time % MINUTE_MS != 0
    if broken.any():
        at = np.datetime64(int(table.time[broken][0]), "ms")
        fault = (
            f"the row of {at} does not start on a whole minute; give bars of a minute or longer."
        )
        refuse(table.path, fault, column="date")


def _folded(
    table: Table, days: IntArray, minute: IntArray, end: IntArray, columns: dict[str, IntArray]
) -> History:
    starts = np.flatnonzero(np.diff(days, prepend=days[0] - 1))
    stops = np.append(starts[1:], len(days))
    length = _lengths(days, minute, end)
    short = np.add.reduceat(length, starts) < end[starts]
    if short.any():
        table.note(
            f"{short.sum()} sessions have minutes without a row (first"
            f" {_iso(days[starts][short][0])}); the price stands still in them."
        )
    rows = Rows(first=np.append(starts, len(days)), minute=minute, length=length, **columns)
    return History(
        days=days[starts],
        open=rows.open[starts],
        high=np.maximum.reduceat(rows.high, starts),
        low=np.minimum.reduceat(rows.low, starts),
        close=rows.close[stops - 1],
        volume=np.add.reduceat(rows.volume, starts),
        rows=rows,
    )


def _lengths(days: IntArray, minute: IntArray, end: IntArray) -> IntArray:
    """
    Minutes that each row covers: up to the next row, but no longer than most rows do.

    So hourly rows may start with a half hour at 09:30, and a row before a gap does not fill it.
    """
    same_day = np.diff(days) == 0
    until_next = np.where(np.append(same_day, False), np.append(np.diff(minute), 0), end - minute)
    steps, counts = np.unique(np.diff(minute)[same_day], return_counts=True)
    usual = steps[counts.argmax()] if len(steps) else until_next.max()
    return np.asarray(np.minimum(until_next, usual), dtype=np.int64)


def _note_gaps(table: Table, made: History, sessions: Sessions) -> None:
    between = sessions.days[(sessions.days >= made.days[0]) & (sessions.days <= made.days[-1])]
    missing = between[~np.isin(between, made.days)]
    if len(missing):
        table.note(
            f"{len(missing)} sessions have no row (first {_iso(missing[0])}); single ones are"
            " served as quiet days, whole weeks stay empty."
        )


def _note_splits(table: Table, made: History) -> None:
    jump = made.open[1:] / made.close[:-1]
    odd = (jump > _SPLIT_LIKE) | (jump < 1 / _SPLIT_LIKE)
    if odd.any():
        table.note(
            f"the price jumps overnight like a split on {_iso(made.days[1:][odd][0])};"
            " give prices that are adjusted for splits."
        )


def _iso(ordinal: int) -> str:
    return date.fromordinal(int(ordinal)).isoformat()
