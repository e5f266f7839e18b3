from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from time import sleep

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select, text, update

from backend.brokers import base
from backend.brokers.client_portal import ClientPortalBroker
from backend.core.clock import ManualClock, from_ms, to_ms
from backend.core.database import engine, transaction
from backend.core.errors import InvalidInput, SessionDown
from backend.core.values import Bars, Timeframe
from backend.exchange import sessions
from backend.exchange.calendars import calendar
from backend.market import models, series
from backend.market.service import MarketData
from backend.papergateway.running import RunningGateway

Leap = Callable[[datetime], None]
NYSE = calendar("NYSE")
FRIDAY_CLOSE = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


@pytest.fixture
def apple(market: MarketData) -> base.Contract:
    return market.resolve("AAPL")


@pytest.fixture
def now(gateway: RunningGateway) -> datetime:
    return gateway.world.clock.now()


class WatchedBroker:
    """The real broker; `meanwhile` happens while it waits for bars."""

    def __init__(self, broker: ClientPortalBroker, meanwhile: Callable[[], object]) -> None:
        self._broker = broker
        self._meanwhile = meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self._broker, name)

    def history(
        self, conid: int, timeframe: Timeframe, *, start: datetime, end: datetime
    ) -> base.History:
        self._meanwhile()
        return self._broker.history(conid, timeframe, start=start, end=end)


def watched(
    broker: ClientPortalBroker, gateway: RunningGateway, meanwhile: Callable[[], object]
) -> MarketData:
    return MarketData(WatchedBroker(broker, meanwhile), gateway.world.clock)  # type: ignore[arg-type]


def told_by(broker: ClientPortalBroker, bars: Bars, end: datetime) -> Bars:
    """The same stretch as one fetch from the broker tells it."""
    start = from_ms(int(bars.time[0]))
    answer = broker.history(265598, bars.timeframe, start=start, end=end)
    fields = ("time", "open", "high", "low", "close", "volume")
    told = Bars.from_rows(
        bars.timeframe, [tuple(getattr(bar, name) for name in fields) for bar in answer.bars]
    )
    return told.where(sessions.closed_as_of(NYSE, told, end))


def same(ours: Bars, theirs: Bars) -> bool:
    return ours.to_json() == theirs.to_json()


def history_calls(gateway: RunningGateway) -> int:
    return gateway.control.counts().get("iserver/marketdata/history", 0)


def forget(conid: int = 265598) -> None:
    with transaction() as session:
        for table in (models.Bar, models.BarCoverage):
            session.execute(delete(table).where(table.conid == conid))


@pytest.mark.parametrize("timeframe", [Timeframe.HOUR_1, Timeframe.DAY, Timeframe.WEEK])
def test_the_last_closed_bars_are_those_of_the_broker(
    market: MarketData,
    broker: ClientPortalBroker,
    apple: base.Contract,
    now: datetime,
    timeframe: Timeframe,
) -> None:
    result = market.bars(apple, timeframe, 100, now)
    assert len(result.bars) == 100
    assert not result.cache_hit
    assert result.fetched >= 100
    assert same(result.bars, told_by(broker, result.bars, now))
    assert from_ms(int(sessions.bar_close_ms(NYSE, timeframe, result.bars.time)[-1])) <= now


def test_the_second_time_the_broker_is_not_asked(
    market: MarketData, gateway: RunningGateway, apple: base.Contract, now: datetime
) -> None:
    first = market.bars(apple, Timeframe.DAY, 250, now)
    calls = history_calls(gateway)
    second = market.bars(apple, Timeframe.DAY, 250, now)
    assert second.cache_hit
    assert (second.fetched, second.forming, second.was_readjusted) == (0, None, False)
    assert same(second.bars, first.bars)
    assert history_calls(gateway) == calls


def test_after_the_close_only_the_new_bar_and_the_overlap_are_fetched(
    market: MarketData,
    broker: ClientPortalBroker,
    leap_to: Leap,
    apple: base.Contract,
    now: datetime,
) -> None:
    before = market.bars(apple, Timeframe.DAY, 50, now)
    leap_to(FRIDAY_CLOSE)
    after = market.bars(apple, Timeframe.DAY, 50, FRIDAY_CLOSE)
    assert after.fetched == 6
    assert after.bars.time[:-1].tolist() == before.bars.time[1:].tolist()
    assert before.forming is not None
    assert after.bars.time[-1] == before.forming.time
    assert same(after.bars, told_by(broker, after.bars, FRIDAY_CLOSE))


def test_over_the_weekend_there_is_nothing_to_fetch(
    market: MarketData, leap_to: Leap, apple: base.Contract
) -> None:
    leap_to(FRIDAY_CLOSE)
    market.bars(apple, Timeframe.DAY, 50, FRIDAY_CLOSE)
    sunday = FRIDAY_CLOSE + timedelta(days=2)
    leap_to(sunday)
    assert market.bars(apple, Timeframe.DAY, 50, sunday).cache_hit


def test_a_longer_look_back_fetches_the_older_bars_alone(
    market: MarketData, broker: ClientPortalBroker, apple: base.Contract, now: datetime
) -> None:
    market.bars(apple, Timeframe.DAY, 50, now)
    longer = market.bars(apple, Timeframe.DAY, 120, now)
    assert len(longer.bars) == 120
    assert longer.fetched < 120
    assert same(longer.bars, told_by(broker, longer.bars, now))


@pytest.mark.parametrize("timeframe", [Timeframe.HOUR_1, Timeframe.DAY, Timeframe.WEEK])
def test_a_forming_bar_is_shown_but_never_stored(
    market: MarketData, leap_to: Leap, apple: base.Contract, timeframe: Timeframe
) -> None:
    moment = FRIDAY_CLOSE - timedelta(minutes=20)
    leap_to(moment)
    forming = market.bars(apple, timeframe, 30, moment).forming
    assert forming is not None
    assert forming.time <= to_ms(moment)
    with transaction() as session:
        times = session.scalars(select(models.Bar.time)).all()
    assert forming.time not in times
    assert np.all(sessions.bar_close_ms(NYSE, timeframe, np.array(times)) <= to_ms(moment))


def test_a_decision_dated_back_sees_neither_later_bars_nor_the_forming_one(
    market: MarketData, broker: ClientPortalBroker, apple: base.Contract, now: datetime
) -> None:
    a_week_ago = now - timedelta(days=7)
    result = market.bars(apple, Timeframe.DAY, 50, a_week_ago)
    assert result.forming is None
    assert from_ms(int(result.bars.time[-1])).date().isoformat() == "2026-11-12"
    market.bars(apple, Timeframe.DAY, 50, now)
    again = market.bars(apple, Timeframe.DAY, 50, a_week_ago)
    assert again.cache_hit
    assert same(again.bars, result.bars)


def test_a_moment_in_the_future_means_now(
    market: MarketData, apple: base.Contract, now: datetime
) -> None:
    ahead = market.bars(apple, Timeframe.DAY, 50, now + timedelta(days=3))
    assert same(ahead.bars, market.bars(apple, Timeframe.DAY, 50, now).bars)


def test_prices_that_the_broker_tells_otherwise_are_all_fetched_anew(
    market: MarketData,
    broker: ClientPortalBroker,
    leap_to: Leap,
    apple: base.Contract,
    now: datetime,
) -> None:
    market.bars(apple, Timeframe.DAY, 100, now)
    with transaction() as session:  # as if stored before a split of two for one
        prices = ("open", "high", "low", "close")
        session.execute(
            update(models.Bar).values({name: getattr(models.Bar, name) * 2 for name in prices})
        )
    leap_to(FRIDAY_CLOSE)
    result = market.bars(apple, Timeframe.DAY, 100, FRIDAY_CLOSE)
    assert result.was_readjusted
    assert same(result.bars, told_by(broker, result.bars, FRIDAY_CLOSE))
    again = market.bars(apple, Timeframe.DAY, 100, FRIDAY_CLOSE)
    assert again.cache_hit
    assert same(again.bars, result.bars)


def test_volumes_that_grow_by_late_trades_do_not_discard_what_is_stored(
    market: MarketData, leap_to: Leap, apple: base.Contract, now: datetime
) -> None:
    market.bars(apple, Timeframe.DAY, 50, now)
    with transaction() as session:
        session.execute(update(models.Bar).values(volume=models.Bar.volume - 1))
    leap_to(FRIDAY_CLOSE)
    assert not market.bars(apple, Timeframe.DAY, 50, FRIDAY_CLOSE).was_readjusted


def test_bars_between_an_earlier_decision_and_what_is_stored_leave_no_hole(
    market: MarketData, broker: ClientPortalBroker, apple: base.Contract, now: datetime
) -> None:
    market.bars(apple, Timeframe.DAY, 3, now)
    market.bars(apple, Timeframe.DAY, 3, now - timedelta(days=60))
    whole = market.bars(apple, Timeframe.DAY, 40, now)
    assert whole.cache_hit
    assert same(whole.bars, told_by(broker, whole.bars, now))


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 60 * 24 * 60), st.integers(1, 90)), min_size=2, max_size=5
    ),
    timeframe=st.sampled_from([Timeframe.HOUR_1, Timeframe.DAY, Timeframe.WEEK]),
)
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_any_sequence_of_requests_leaves_what_one_full_fetch_gives(
    market: MarketData,
    broker: ClientPortalBroker,
    apple: base.Contract,
    now: datetime,
    steps: list[tuple[int, int]],
    timeframe: Timeframe,
) -> None:
    forget()
    for minutes_ago, count in steps:
        moment = now - timedelta(minutes=minutes_ago)
        bars = market.bars(apple, timeframe, count, moment).bars
        assert len(bars) == count
        assert np.all(sessions.closed_as_of(NYSE, bars, moment))
        assert same(bars, told_by(broker, bars, moment))
    with transaction() as session:
        times = session.scalars(select(models.Bar.time).order_by(models.Bar.time)).all()
        coverage = session.scalars(select(models.BarCoverage)).one()
    expected = sessions.expected_starts(
        NYSE, timeframe, from_ms(coverage.from_ms), from_ms(coverage.to_ms)
    )
    assert list(times) == expected.tolist()


def test_workers_that_fetch_the_same_bars_at_once_do_not_disturb_each_other(
    market: MarketData, broker: ClientPortalBroker, apple: base.Contract, now: datetime
) -> None:
    counts = [30, 200, 60, 120, 90, 200]
    with ThreadPoolExecutor(len(counts)) as pool:
        results = list(
            pool.map(lambda count: market.bars(apple, Timeframe.DAY, count, now), counts)
        )
    assert [len(result.bars) for result in results] == counts
    longest = results[1].bars
    assert same(longest, told_by(broker, longest, now))
    assert all(same(result.bars, longest[-len(result.bars) :]) for result in results)
    with transaction() as session:
        stored = session.scalar(select(func.count()).select_from(models.Bar))
        distinct = session.scalar(select(func.count(models.Bar.time.distinct())))
    assert stored == distinct


def test_while_one_worker_writes_a_series_another_waits(
    market: MarketData, apple: base.Contract, now: datetime
) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    with ThreadPoolExecutor(1) as pool:
        with transaction() as session:
            series.lock(session, series.Key(apple.conid, Timeframe.DAY))
            other = pool.submit(market.bars, apple, Timeframe.DAY, 50, now)
            while not other.done() and not session.scalar(waiting):
                sleep(0.01)
            assert not other.done()
        assert len(other.result().bars) == 50


def test_two_workers_with_distant_stretches_leave_no_hole(
    market: MarketData,
    broker: ClientPortalBroker,
    gateway: RunningGateway,
    apple: base.Contract,
    now: datetime,
) -> None:
    long_ago = now - timedelta(days=300)
    first = iter([lambda: market.bars(apple, Timeframe.DAY, 20, long_ago)])
    slow = watched(broker, gateway, lambda: next(first, lambda: None)())
    result = slow.bars(apple, Timeframe.DAY, 20, now)
    assert same(result.bars, told_by(broker, result.bars, now))
    whole = market.bars(apple, Timeframe.DAY, 150, now)
    assert whole.cache_hit
    assert same(whole.bars, told_by(broker, whole.bars, now))


def test_no_transaction_is_open_while_the_broker_is_asked(
    broker: ClientPortalBroker, gateway: RunningGateway, apple: base.Contract, now: datetime
) -> None:
    connections: list[int] = []
    market = watched(
        broker,
        gateway,
        lambda: connections.append(engine().pool.checkedout()),  # type: ignore[attr-defined]
    )
    market.bars(apple, Timeframe.DAY, 50, now)
    assert connections == [0]


def test_a_session_that_is_down_leaves_nothing_half_stored(
    market: MarketData, gateway: RunningGateway, apple: base.Contract, now: datetime
) -> None:
    gateway.control.session("logged_out")
    with pytest.raises(SessionDown):
        market.bars(apple, Timeframe.DAY, 50, now)
    assert market.coverage() == []


def test_an_exchange_whose_future_is_unknown_is_told(
    broker: ClientPortalBroker, apple: base.Contract
) -> None:
    in_2060 = datetime(2060, 1, 5, 15, 0, tzinfo=UTC)
    market = MarketData(broker, ManualClock(in_2060))
    with pytest.raises(InvalidInput, match="install a newer exchange-calendars") as error:
        market.bars(replace(apple, calendar="XSHG"), Timeframe.DAY, 50, in_2060)
    assert error.value.code == "calendar_ended"


def test_what_is_stored_is_listed_with_its_quality(
    market: MarketData, apple: base.Contract, now: datetime
) -> None:
    market.bars(apple, Timeframe.WEEK, 40, now)
    result = market.bars(apple, Timeframe.DAY, 40, now)
    daily, weekly = market.coverage()
    assert (daily.symbol, daily.timeframe) == ("AAPL", Timeframe.DAY)
    assert weekly.timeframe is Timeframe.WEEK
    assert daily.bars >= 40
    assert from_ms(daily.to_ms) == datetime(2026, 11, 19, 21, 0, tzinfo=UTC)
    assert daily.from_ms <= result.bars.time[0]
    assert daily.quality == {"version": 1, "score": 1.0, "breaches": []}


def test_a_quote_comes_from_the_broker(market: MarketData, apple: base.Contract) -> None:
    quote = market.quote(apple)
    assert quote.conid == apple.conid
    assert quote.last is not None
