from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.clock import from_ms, to_ms
from backend.core.errors import InvalidInput
from backend.core.values import Bars, Timeframe
from backend.exchange import sessions
from backend.exchange.calendars import Calendar, calendar

NYSE = calendar("NYSE")
SOME_CALENDARS = ["NYSE", "XLON", "XTKS", "XHKG", "CMES", "24/7"]

# Hypothesis wants its bounds without a zone.
first, last = datetime.fromisoformat("2005-01-01"), datetime.fromisoformat("2029-12-31")
moments = st.datetimes(first, last, timezones=st.just(UTC))
codes = st.sampled_from(SOME_CALENDARS)
timeframes = st.sampled_from(list(Timeframe))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def bars_at(timeframe: Timeframe, times: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Bars:
    ones = np.ones(len(times))
    return Bars(
        timeframe=timeframe, time=times, open=ones, high=ones, low=ones, close=ones, volume=ones
    )


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (utc(2026, 11, 20, 14, 29, 59), False),
        (utc(2026, 11, 20, 14, 30), True),
        (utc(2026, 11, 20, 20, 59, 59), True),
        (utc(2026, 11, 20, 21, 0), False),
        (utc(2026, 11, 21, 15, 0), False),
        (utc(2026, 11, 26, 16, 0), False),  # Thanksgiving
        (utc(2026, 11, 27, 17, 59), True),  # the half day after it
        (utc(2026, 11, 27, 18, 0), False),
        (utc(2026, 7, 1, 13, 30), True),  # summer time
    ],
)
def test_new_york_is_open_from_the_open_up_to_the_close(moment: datetime, expected: bool) -> None:
    assert sessions.is_open(NYSE, moment) is expected


def test_tokyo_is_closed_for_lunch_but_its_session_goes_on() -> None:
    tokyo, lunch = calendar("XTKS"), utc(2026, 11, 20, 3, 0)
    assert not sessions.is_open(tokyo, lunch)
    assert sessions.current_session(tokyo, lunch) == sessions.session_on(tokyo, date(2026, 11, 20))


def test_nobody_can_say_whether_an_exchange_is_open_behind_its_calendar() -> None:
    with pytest.raises(InvalidInput, match="known up to"):
        sessions.is_open(NYSE, utc(2099, 1, 5, 15, 0))


def test_the_session_of_a_half_day_closes_early() -> None:
    session = sessions.session_on(NYSE, date(2026, 11, 27))
    assert session == sessions.Session(
        date=date(2026, 11, 27),
        open=utc(2026, 11, 27, 14, 30),
        close=utc(2026, 11, 27, 18, 0),
        is_half_day=True,
    )


def test_a_holiday_has_no_session() -> None:
    assert sessions.session_on(NYSE, date(2026, 11, 26)) is None


@given(codes, moments)
@settings(max_examples=100, deadline=None)
def test_previous_current_and_next_session_surround_a_moment(code: str, moment: datetime) -> None:
    exchange = calendar(code)
    before = sessions.previous_session(exchange, moment)
    now = sessions.current_session(exchange, moment)
    after = sessions.next_session(exchange, moment)
    assert before is not None
    assert after is not None
    assert before.close <= moment < after.open
    if now is not None:
        assert before.close <= now.open <= moment < now.close <= after.open


@given(st.sampled_from(["NYSE", "XHKG"]), st.dates(date(2015, 1, 1), date(2027, 12, 31)))
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # exchange-calendars on pandas 3
def test_sessions_equal_those_of_the_library(code: str, day: date) -> None:
    import exchange_calendars

    theirs = exchange_calendars.get_calendar(
        calendar(code).code, start=pd.Timestamp("2014-12-01"), end=pd.Timestamp("2028-01-31")
    )
    ours = sessions.session_on(calendar(code), day)
    label = pd.Timestamp(day)
    assert (ours is not None) == theirs.is_session(label)
    if ours is not None:
        assert ours.open == theirs.session_open(label).to_pydatetime()
        assert ours.close == theirs.session_close(label).to_pydatetime()


@pytest.mark.parametrize(
    ("timeframe", "start", "close"),
    [
        (Timeframe.MIN_5, utc(2026, 11, 20, 20, 55), utc(2026, 11, 20, 21, 0)),
        (Timeframe.HOUR_1, utc(2026, 11, 20, 20, 30), utc(2026, 11, 20, 21, 0)),
        (Timeframe.HOUR_4, utc(2026, 11, 27, 14, 30), utc(2026, 11, 27, 18, 0)),
        (Timeframe.DAY, utc(2026, 11, 20, 14, 30), utc(2026, 11, 20, 21, 0)),
        (Timeframe.DAY, utc(2026, 11, 20, 0, 0), utc(2026, 11, 20, 21, 0)),
        (Timeframe.WEEK, utc(2026, 11, 23, 14, 30), utc(2026, 11, 27, 18, 0)),
        (Timeframe.MONTH, utc(2026, 11, 2, 14, 30), utc(2026, 11, 30, 21, 0)),
    ],
)
def test_a_bar_closes_when_its_last_trade_can_happen(
    timeframe: Timeframe, start: datetime, close: datetime
) -> None:
    closes = sessions.bar_close_ms(NYSE, timeframe, np.array([to_ms(start)]))
    assert from_ms(int(closes[0])) == close


def test_behind_the_calendar_a_bar_lasts_its_nominal_length() -> None:
    start = np.array([to_ms(utc(2099, 1, 5, 14, 30))])
    assert sessions.bar_close_ms(NYSE, Timeframe.DAY, start) - start == 86_400_000
    assert sessions.bar_close_ms(NYSE, Timeframe.MONTH, start) - start == 31 * 86_400_000


@given(codes, timeframes, moments)
@settings(max_examples=150, deadline=None)
def test_expected_bars_follow_one_another_and_lie_within_sessions(
    code: str, timeframe: Timeframe, moment: datetime
) -> None:
    exchange = calendar(code)
    start = moment - timedelta(days=70 if not timeframe.is_intraday else 5)
    starts = sessions.expected_starts(exchange, timeframe, start, moment)
    closes = sessions.bar_close_ms(exchange, timeframe, starts)
    assert np.all(closes > starts)
    assert np.all(starts[1:] >= closes[:-1])
    assert all(to_ms(start) <= time < to_ms(moment) for time in starts)
    for time in starts[:20]:
        session = sessions.current_session(exchange, from_ms(int(time)))
        assert session is not None
        if timeframe.is_intraday:
            assert (from_ms(int(time)) - session.open).total_seconds() % timeframe.seconds == 0


@given(codes, timeframes, moments)
@settings(max_examples=100, deadline=None)
def test_every_regular_minute_belongs_to_exactly_one_expected_bar(
    code: str, timeframe: Timeframe, moment: datetime
) -> None:
    exchange = calendar(code)
    if not sessions.is_open(exchange, moment):
        return
    starts = sessions.expected_starts(
        exchange, timeframe, moment - timedelta(days=45), moment + timedelta(milliseconds=1)
    )
    closes = sessions.bar_close_ms(exchange, timeframe, starts)
    assert np.sum((starts <= to_ms(moment)) & (closes > to_ms(moment))) == 1


@given(codes, timeframes, moments, st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_a_window_holds_as_many_closed_bars_as_asked_for(
    code: str, timeframe: Timeframe, moment: datetime, count: int
) -> None:
    exchange = calendar(code)
    start = sessions.window_start(exchange, timeframe, count, moment)
    if to_ms(start) == exchange.opens[0]:
        return  # the calendar does not reach that far back
    starts = sessions.expected_starts(exchange, timeframe, start, moment)
    closes = sessions.bar_close_ms(exchange, timeframe, starts)
    assert np.sum(closes <= to_ms(moment)) == count


@given(codes, timeframes, moments, st.integers(0, 40 * 24 * 60))
@settings(max_examples=100, deadline=None)
def test_a_decision_never_sees_a_bar_that_closes_after_it(
    code: str, timeframe: Timeframe, moment: datetime, minutes_earlier: int
) -> None:
    exchange = calendar(code)
    times = sessions.expected_starts(exchange, timeframe, moment - timedelta(days=40), moment)
    bars = bars_at(timeframe, times)
    closes = sessions.bar_close_ms(exchange, timeframe, times)
    seen = sessions.closed_as_of(exchange, bars, moment)
    assert np.array_equal(seen, closes <= to_ms(moment))
    earlier = sessions.closed_as_of(exchange, bars, moment - timedelta(minutes=minutes_earlier))
    assert not np.any(earlier & ~seen)


def test_the_bar_that_closes_at_the_very_moment_is_seen() -> None:
    close = utc(2026, 11, 20, 21, 0)
    bars = bars_at(Timeframe.DAY, np.array([to_ms(utc(2026, 11, 20, 14, 30))]))
    assert sessions.closed_as_of(NYSE, bars, close).tolist() == [True]
    assert sessions.closed_as_of(NYSE, bars, close - timedelta(seconds=1)).tolist() == [False]


def test_a_calendar_is_an_ordered_run_of_sessions() -> None:
    for code in SOME_CALENDARS:
        exchange: Calendar = calendar(code)
        assert np.all(exchange.closes > exchange.opens)
        assert np.all(exchange.opens[1:] >= exchange.closes[:-1])
