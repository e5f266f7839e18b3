"""Completing a stored series of bars from the broker, only as far as something is missing."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum, auto

import numpy as np
from sqlalchemy.orm import Session

from backend.brokers import base
from backend.core.clock import Clock, from_ms, to_ms
from backend.core.database import transaction
from backend.core.errors import TemporaryError
from backend.exchange import sessions
from backend.exchange.calendars import Calendar
from backend.market import series

# A forming bar holds prices up to the moment it was fetched; a decision that is dated further
# back must not see them.
_FORMING_LAG = timedelta(minutes=1)
_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class Completion:
    """`fetched` counts the bars that came over the network, those for comparison included."""

    cache_hit: bool
    """The broker was not asked."""
    fetched: int
    forming: base.Bar | None
    """The bar in progress, when it was just fetched for a decision right now; never stored."""
    is_delayed: bool
    was_readjusted: bool
    """Stored prices contradicted the broker, as after a split, and all were fetched anew."""


@dataclass(frozen=True)
class _Fetch:
    """What lies in [start_ms, end_ms); `to_ms` is when the last of the closed bars closed."""

    start_ms: int
    end_ms: int
    closed: list[base.Bar]
    to_ms: int
    forming: base.Bar | None
    is_delayed: bool


class _Stored(Enum):
    DONE = auto()  #: added to what was there
    APART = auto()  #: meanwhile another worker changed the series, and a hole would be left
    CONTRADICTED = auto()  #: the broker tells other prices than are stored


class BarHistory:
    def __init__(self, broker: base.Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock

    def complete(
        self, key: series.Key, calendar: Calendar, start: datetime, as_of: datetime
    ) -> Completion:
        """
        See to it that every bar is stored that starts from `start` on and had closed by `as_of`.

        Any number of workers may do so at a time: the broker is asked without a transaction, then
        each takes the series' lock, compares and adds. Raises what `Broker.history` raises.
        """
        for _ in range(_ATTEMPTS):
            with transaction() as session:
                stretch = series.stretch(session, key)
                parts = _parts(session, stretch, key, calendar, to_ms(start), self._cutoff(as_of))
            fetches = [self._fetch(key, calendar, *part, as_of) for part in parts]
            stored = _store(key, fetches, self._clock.now())
            if stored is _Stored.CONTRADICTED:
                return self._replace(key, calendar, to_ms(start), as_of)
            if stored is _Stored.DONE:
                return _completion(fetches, stretch)
        raise TemporaryError(
            "Other workers kept replacing these bars; try again in a minute.", code="bars_busy"
        )

    def _cutoff(self, as_of: datetime) -> int:
        return to_ms(min(as_of, self._clock.now()))

    def _fetch(
        self, key: series.Key, calendar: Calendar, start_ms: int, end_ms: int, as_of: datetime
    ) -> _Fetch:
        # Looked at before asking: what closes while the answer is under way counts as forming.
        now, cutoff = self._clock.now(), self._cutoff(as_of)
        answer = self._broker.history(
            key.conid, key.timeframe, start=from_ms(start_ms), end=from_ms(end_ms)
        )
        bars = [bar for bar in answer.bars if start_ms <= bar.time < end_ms]
        times = np.array([bar.time for bar in bars], dtype=np.int64)
        closes = sessions.bar_close_ms(calendar, key.timeframe, times)
        closed = [bar for bar, close in zip(bars, closes, strict=True) if close <= cutoff]
        is_now = bool(bars) and closes[-1] > to_ms(now) and now - as_of <= _FORMING_LAG
        return _Fetch(
            start_ms=start_ms,
            end_ms=end_ms,
            closed=closed,
            to_ms=int(closes[closes <= cutoff].max(initial=start_ms)),
            forming=bars[-1] if is_now else None,
            is_delayed=answer.is_delayed,
        )

    def _replace(
        self, key: series.Key, calendar: Calendar, start_ms: int, as_of: datetime
    ) -> Completion:
        """Fetch all that is stored or wanted anew, up to now, and put it in place of the old."""
        with transaction() as session:
            stretch = series.stretch(session, key)
        start_ms = min(start_ms, stretch.from_ms) if stretch else start_ms
        now = self._clock.now()
        fetch = self._fetch(key, calendar, start_ms, to_ms(now), now)
        with transaction() as session:
            series.lock(session, key)
            series.remove(session, key)
            _add(session, key, fetch, now)
        forming = fetch.forming if now - as_of <= _FORMING_LAG else None
        return replace(_completion([fetch], None), was_readjusted=True, forming=forming)


def _parts(
    session: Session,
    stretch: series.Stretch | None,
    key: series.Key,
    calendar: Calendar,
    start_ms: int,
    cutoff: int,
) -> list[tuple[int, int]]:
    """What to ask for, each part overlapping what is stored already; nothing on a cache hit."""
    if stretch is None:
        return [(start_ms, cutoff)]
    lacks_head = start_ms < stretch.from_ms
    lacks_tail = _has_closed_since(calendar, key, stretch.to_ms, cutoff)
    if not lacks_head and not lacks_tail:
        return []
    head, tail = series.edges(session, key)
    wanted = [(lacks_head, (start_ms, head + 1)), (lacks_tail, (tail, cutoff))]
    return [part for is_lacking, part in wanted if is_lacking]


def _has_closed_since(calendar: Calendar, key: series.Key, since: int, cutoff: int) -> bool:
    """Whether the calendar knows of a bar that closed after one moment and by another."""
    # The longest bar that may close right after `since` started a month before.
    start = from_ms(since) - timedelta(seconds=key.timeframe.seconds, days=1)
    starts = sessions.expected_starts(calendar, key.timeframe, start, from_ms(cutoff))
    closes = sessions.bar_close_ms(calendar, key.timeframe, starts)
    return bool(np.any((closes > since) & (closes <= cutoff)))


def _store(key: series.Key, fetches: list[_Fetch], now: datetime) -> _Stored:
    if not fetches:
        return _Stored.DONE
    with transaction() as session:
        series.lock(session, key)
        for fetch in fetches:
            stretch = series.stretch(session, key)
            is_apart = stretch is not None and (
                fetch.start_ms > stretch.to_ms or fetch.end_ms < stretch.from_ms
            )
            if is_apart:
                return _Stored.APART
            if not series.agrees(session, key, fetch.closed):
                return _Stored.CONTRADICTED
            _add(session, key, fetch, now)
    return _Stored.DONE


def _add(session: Session, key: series.Key, fetch: _Fetch, now: datetime) -> None:
    if not fetch.closed:
        return
    series.add(session, key, fetch.closed, now)
    series.cover(session, key, fetch.start_ms, fetch.to_ms, is_delayed=fetch.is_delayed, now=now)


def _completion(fetches: list[_Fetch], stretch: series.Stretch | None) -> Completion:
    latest = fetches[-1] if fetches else None
    return Completion(
        cache_hit=latest is None,
        fetched=sum(len(fetch.closed) + (fetch.forming is not None) for fetch in fetches),
        forming=latest.forming if latest else None,
        is_delayed=latest.is_delayed if latest else stretch is not None and stretch.is_delayed,
        was_readjusted=False,
    )
