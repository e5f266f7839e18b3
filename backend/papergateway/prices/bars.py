"""Bars out of shorter bars."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from backend.core.values import IntArray, Timeframe
from backend.papergateway.prices.calendar import Sessions
from backend.papergateway.prices.laying import LaidHistory
from backend.papergateway.prices.path import Minutes
from backend.papergateway.prices.tape import Tape

_CENTS = -2


@dataclass(frozen=True)
class PaperBar:
    """`t` is the bar's start in UTC ms; prices in the instrument's currency, volume in shares."""

    t: int
    o: Decimal
    h: Decimal
    l: Decimal  # noqa: E741 - the gateway's own name of the field
    c: Decimal
    v: int


def money(ticks: int) -> Decimal:
    return Decimal(ticks).scaleb(_CENTS)


def intraday(
    tape: Tape, timeframe: Timeframe, *, start_ms: int, end_ms: int, now_ms: int, extended: bool
) -> IntArray:
    """
    Rows t, o, h, l, c, v of the bars whose start lies in [start, end) and not after now.

    Bars are counted from the start of their segment (pre-market, regular session, post-market), so
    regular bars are the same with and without extended hours; a segment's last bar may be shorter.
    """
    sessions, end_ms = tape.sessions, min(end_ms, now_ms + 1)
    starts, stops = (
        (sessions.pres, sessions.posts) if extended else (sessions.opens, sessions.closes)
    )
    first = int(np.searchsorted(stops, start_ms, side="right"))
    last = int(np.searchsorted(starts, end_ms, side="left"))
    step = timeframe.seconds // 60
    parts = [
        _grouped(segment.until(now_ms), step)
        for index in range(first, last)
        if tape.laid.has[index]
        for segment in tape.segments(index, extended=extended)
        if segment.t[0] < end_ms
    ]
    return _between(parts, start_ms, end_ms)


def _grouped(minutes: Minutes, step: int) -> IntArray:
    table = np.vstack((minutes.t, minutes.table[:5]))
    return table if step == 1 else aggregate(table, np.arange(0, len(minutes), step))


def daily(tape: Tape, timeframe: Timeframe, *, start_ms: int, end_ms: int, now_ms: int) -> IntArray:
    """Days, weeks or months of regular sessions; each starts with the open of its first session."""
    table, indices = _days_until(tape.laid, tape.sessions, now_ms)
    if not len(indices):
        return table
    today = int(indices[-1])
    if now_ms < tape.sessions.closes[today]:
        minutes = tape.regular(today).until(now_ms)
        table[:, -1:] = _grouped(minutes, len(minutes))
    keys = _keys(tape.sessions, timeframe)[indices]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    return _between([aggregate(table, starts)], start_ms, end_ms)


def _days_until(laid: LaidHistory, sessions: Sessions, now_ms: int) -> tuple[IntArray, IntArray]:
    begun = int(np.searchsorted(sessions.opens, now_ms, side="right"))
    indices = np.flatnonzero(laid.has[:begun])
    columns = (sessions.opens, laid.open, laid.high, laid.low, laid.close, laid.volume)
    return np.stack([column[indices] for column in columns]), indices


def _keys(sessions: Sessions, timeframe: Timeframe) -> IntArray:
    if timeframe is Timeframe.WEEK:
        return sessions.weeks
    return sessions.months if timeframe is Timeframe.MONTH else sessions.days


def aggregate(table: IntArray, starts: IntArray) -> IntArray:
    """Columns of bars (t, o, h, l, c, v), joined from each of `starts` up to the next."""
    t, o, h, low, c, v = table
    ends = np.append(starts[1:], table.shape[1]) - 1
    return np.stack(
        (
            t[starts],
            o[starts],
            np.maximum.reduceat(h, starts),
            np.minimum.reduceat(low, starts),
            c[ends],
            np.add.reduceat(v, starts),
        )
    )


def _between(parts: Sequence[IntArray], start_ms: int, end_ms: int) -> IntArray:
    table = np.concatenate([np.empty((6, 0), dtype=np.int64), *parts], axis=1)
    return table[:, (table[0] >= start_ms) & (table[0] < end_ms)]


def to_paper(table: IntArray) -> list[PaperBar]:
    return [
        PaperBar(t, money(o), money(h), money(low), money(c), v)
        for t, o, h, low, c, v in table.T.tolist()
    ]
