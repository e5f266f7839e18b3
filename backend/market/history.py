"""Completing a stored series of bars from the broker, only as far as something is missing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

import numpy as np
from sqlalchemy.orm import Session

from backend.brokers import base
from backend.core.clock import Clock, from_ms, to_ms
from backend.core.database import transaction
from backend.core.errors import TemporaryError
from backend.core.values import Bars
from backend.exchange import quality, sessions
from backend.exchange.calendars import Calendar
from backend.market import series

# A forming bar holds prices up to the moment it was fetched; a decision that is dated further
# back must not see them.
_FORMING_LAG = timedelta(minutes=1)
_ATTEMPTS = 3


@dataclass(frozen=True, kw_only=True)
class BarsResult:
    """`fetched` counts the bars that came over the network, those for comparison included."""

    bars: Bars
    """The last ones that had closed at the moment asked for; fewer where the broker has no more."""
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

    def last_closed(
        self, key: series.Key, calendar: Calendar, count: int, as_of: datetime
    ) -> BarsResult:
        """
        The last `count` bars closed by `as_of`, after fetching those that are not stored yet.

        Any number of workers may do so at a time: the broker is asked without a transaction, then
        each takes the series' lock, compares and adds. Raises what `Broker.history` raises.
        """
        as_of = min(as_of, self._clock.now())
        # A few more, so that some missing bars do not leave fewer than asked for.
        start = sessions.window_start(calendar, key.timeframe, count + count // 20 + 2, as_of)
        for _ in range(_ATTEMPTS):
            with transaction() as session:
                stretch = series.stretch(session, key)
                parts = _parts(session, stretch, key, calendar, to_ms(start), to_ms(as_of))
                if stretch is not None and not parts:
                    return _cached(_read(session, key, calendar, count, as_of), stretch)
            fetches = [self._fetch(key, calendar, *part, as_of) for part in parts]
            stored = _store(key, fetches, self._clock.now())
            if stored is _Stored.CONTRADICTED:
                fetches = [self._replace(key, calendar, to_ms(start))]
            if stored is not _Stored.APART:
                bars = _read_and_judge(key, calendar, count, as_of)
                return _fetched(bars, fetches, stored is _Stored.CONTRADICTED)
        raise TemporaryError(
            "Other workers kept replacing these bars; try again in a minute.", code="bars_busy"
        )

    def again(self, key: series.Key, calendar: Calendar, count: int) -> int:
        """
        Put the broker's present story in place of all that is stored, and of the last `count`
        bars at least; returns how many closed bars that came to.
        """
        start = sessions.window_start(calendar, key.timeframe, count, self._clock.now())
        fetch = self._replace(key, calendar, to_ms(start))
        _read_and_judge(key, calendar, len(fetch.closed), self._clock.now())
        return len(fetch.closed)

    def _fetch(
        self, key: series.Key, calendar: Calendar, start_ms: int, end_ms: int, as_of: datetime
    ) -> _Fetch:
        # Looked at before asking: what closes while the answer is under way counts as forming.
        now = self._clock.now()
        answer = self._broker.history(
            key.conid, key.timeframe, start=from_ms(start_ms), end=from_ms(end_ms)
        )
        bars = [bar for bar in answer.bars if start_ms <= bar.time < end_ms]
        times = np.array([bar.time for bar in bars], dtype=np.int64)
        closes = sessions.bar_close_ms(calendar, key.timeframe, times)
        is_forming = bool(bars) and closes[-1] > to_ms(now) and now - as_of <= _FORMING_LAG
        return _Fetch(
            start_ms=start_ms,
            end_ms=end_ms,
            # A window that ends within a bar may be answered with a part of that bar.
            closed=[bar for bar, close in zip(bars, closes, strict=True) if close <= end_ms],
            to_ms=int(closes[closes <= end_ms].max(initial=start_ms)),
            forming=bars[-1] if is_forming else None,
            is_delayed=answer.is_delayed,
        )

    def _replace(self, key: series.Key, calendar: Calendar, start_ms: int) -> _Fetch:
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
        return fetch


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
    # Up to the close, so that nobody is tempted to answer with half a bar.
    head_close = int(sessions.bar_close_ms(calendar, key.timeframe, np.array([head]))[0])
    wanted = [(lacks_head, (start_ms, head_close)), (lacks_tail, (tail, cutoff))]
    return [part for is_lacking, part in wanted if is_lacking]


def _has_closed_since(calendar: Calendar, key: series.Key, since: int, cutoff: int) -> bool:
    """Whether the calendar knows of a bar that closed after one moment and by another."""
    # The longest bar that may close right after `since` started a month before.
    start = from_ms(since) - timedelta(seconds=key.timeframe.seconds, days=1)
    starts = sessions.expected_starts(calendar, key.timeframe, start, from_ms(cutoff))
    closes = sessions.bar_close_ms(calendar, key.timeframe, starts)
    return bool(np.any((closes > since) & (closes <= cutoff)))


def _store(key: series.Key, fetches: list[_Fetch], now: datetime) -> _Stored:
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


def _read(
    session: Session, key: series.Key, calendar: Calendar, count: int, as_of: datetime
) -> Bars:
    bars = series.last_bars(session, key, count + 1, to_ms(as_of))
    return bars.where(sessions.closed_as_of(calendar, bars, as_of))[-count:]


def _read_and_judge(key: series.Key, calendar: Calendar, count: int, as_of: datetime) -> Bars:
    """Also notes how good the bars are, for whoever looks through what is stored."""
    with transaction() as session:
        bars = _read(session, key, calendar, count, as_of)
        report = quality.check(bars, calendar, as_of)
        codes = [breach.code for breach in report.breaches]
        series.note_quality(session, key, report.score, codes)
    return bars


def _cached(bars: Bars, stretch: series.Stretch) -> BarsResult:
    return BarsResult(
        bars=bars,
        cache_hit=True,
        fetched=0,
        forming=None,
        is_delayed=stretch.is_delayed,
        was_readjusted=False,
    )


def _fetched(bars: Bars, fetches: list[_Fetch], was_readjusted: bool) -> BarsResult:
    return BarsResult(
        bars=bars,
        cache_hit=False,
        fetched=sum(len(fetch.closed) + (fetch.forming is not None) for fetch in fetches),
        forming=fetches[-1].forming,
        is_delayed=fetches[-1].is_delayed,
        was_readjusted=was_readjusted,
    )
