from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.clock import from_ms, to_ms
from backend.core.values import Bars, Timeframe
from backend.exchange import sessions
from backend.exchange.calendars import calendar
from backend.exchange.quality import QualityLimits, QualityReport, check

NYSE = calendar("NYSE")
FRIDAY_AFTERNOON = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
DAY = timedelta(days=1)


def good_bars(
    timeframe: Timeframe = Timeframe.DAY, count: int = 250, moment: datetime = FRIDAY_AFTERNOON
) -> Bars:
    """A complete history with a quiet random walk, closed by the moment."""
    start = sessions.window_start(NYSE, timeframe, count, moment)
    times = sessions.expected_starts(NYSE, timeframe, start, moment)
    times = times[sessions.bar_close_ms(NYSE, timeframe, times) <= to_ms(moment)]
    random = np.random.default_rng(7)
    close = 100 * np.exp(np.cumsum(random.normal(0, 0.01, len(times))))
    open_ = np.append(100.0, close[:-1]) * np.exp(random.normal(0, 0.002, len(times)))
    return Bars(
        timeframe=timeframe,
        time=times,
        open=open_,
        high=np.maximum(open_, close) * 1.002,
        low=np.minimum(open_, close) * 0.998,
        close=close,
        volume=random.uniform(1e6, 2e6, len(times)),
    )


def changed(bars: Bars, column: str, row: int, value: float) -> Bars:
    values = getattr(bars, column).copy()
    values[row] = value
    return replace(bars, **{column: values})


def judged(bars: Bars, moment: datetime = FRIDAY_AFTERNOON, **limits: float) -> QualityReport:
    return check(bars, NYSE, moment, QualityLimits.model_validate(limits))


def codes(report: QualityReport) -> list[str]:
    return [breach.code for breach in report.breaches]


@pytest.mark.parametrize("timeframe", list(Timeframe))
def test_a_complete_history_is_flawless(timeframe: Timeframe) -> None:
    report = judged(good_bars(timeframe))
    assert report.breaches == []
    assert report.score == 1.0
    assert report.bars == report.expected == 250
    assert report.is_closed_by_moment
    assert report.last_close is not None
    assert report.last_close <= FRIDAY_AFTERNOON


def test_a_report_survives_json() -> None:
    report = judged(changed(good_bars(), "close", 100, 1000.0))
    assert QualityReport.model_validate_json(report.model_dump_json()) == report


def test_daily_bars_stamped_at_midnight_are_as_good() -> None:
    bars = good_bars()
    report = judged(replace(bars, time=bars.time // 86_400_000 * 86_400_000))
    assert report.breaches == []


def test_hourly_bars_counted_from_the_full_hour_are_as_good() -> None:
    half_hours = good_bars(Timeframe.MIN_30, count=500)
    is_first = half_hours.time % 3_600_000 == 0
    is_first |= np.isin(half_hours.time, NYSE.opens)
    bars = replace(half_hours.where(is_first), timeframe=Timeframe.HOUR_1)
    assert judged(bars).missing == 0


def test_missing_bars_are_counted_and_named() -> None:
    bars = good_bars()
    keep = np.ones(250, dtype=bool)
    keep[100:110] = False
    report = judged(bars.where(keep))
    assert report.missing == 10
    assert report.missing_fraction == pytest.approx(0.04)
    assert report.first_missing[0] == from_ms(int(bars.time[100]))
    assert codes(report) == ["gaps"]
    assert codes(judged(bars.where(keep), max_missing_fraction=0.05)) == []


@given(st.sets(st.integers(1, 248), max_size=40), st.sampled_from(["5min", "1h", "1d", "1w", "1m"]))
@settings(max_examples=40, deadline=None)
def test_exactly_the_bars_left_out_are_missing(rows: set[int], name: str) -> None:
    bars = good_bars(Timeframe(name))
    keep = ~np.isin(np.arange(250), list(rows))
    assert judged(bars.where(keep)).missing == len(rows)


def test_a_bar_that_comes_twice_is_a_duplicate() -> None:
    bars = good_bars()
    report = judged(bars.where(np.ones(250, dtype=bool))[0:250])
    assert report.duplicates == 0
    twice = Bars.from_json(
        {
            name: [*values, values[-1]] if isinstance(values, list) else values
            for name, values in bars.to_json().items()
        }
    )
    assert codes(judged(twice)) == ["duplicates"]


def test_bars_out_of_order_are_told() -> None:
    report = judged(good_bars()[::-1], max_outlier_move=10)
    assert report.out_of_order == 249
    assert "out_of_order" in codes(report)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("close", float("nan")),
        ("open", -1.0),
        ("low", 0.0),
        ("high", 1.0),
        ("close", 1e9),
        ("volume", -5.0),
        ("volume", float("inf")),
    ],
)
def test_impossible_prices_are_told(column: str, value: float) -> None:
    bars = good_bars()
    report = judged(changed(bars, column, 42, value))
    assert report.bad_prices == 1
    assert report.first_bad == [from_ms(int(bars.time[42]))]
    assert codes(report) == ["bad_prices"]


def test_a_leap_in_the_price_is_an_outlier() -> None:
    bars = good_bars()
    for column in ("open", "high", "low", "close"):
        bars = replace(
            bars, **{column: np.where(np.arange(250) >= 200, 1.7, 1) * getattr(bars, column)}
        )
    report = judged(bars)
    assert codes(report) == ["outliers"]
    assert report.outliers == 1
    assert report.largest_outliers[0].start == from_ms(int(bars.time[200]))
    assert report.largest_outliers[0].move == pytest.approx(0.7, abs=0.1)


@pytest.mark.parametrize("ratio", [2.0, 4.0, 7.0, 0.1])
def test_a_split_that_was_not_adjusted_for_is_suspected(ratio: float) -> None:
    bars = good_bars()
    factor = np.where(np.arange(250) >= 200, ratio, 1)
    prices = {name: getattr(bars, name) / factor for name in ("open", "high", "low", "close")}
    report = judged(replace(bars, **prices, volume=bars.volume * factor))
    assert "split_suspected" in codes(report)
    assert report.suspected_splits[0].ratio == pytest.approx(ratio, rel=0.03)


def test_a_crash_to_half_the_price_is_no_split() -> None:
    bars = good_bars()
    is_after = np.arange(250) >= 200
    prices = {
        name: getattr(bars, name) / np.where(is_after, 2, 1)
        for name in ("open", "high", "low", "close")
    }
    report = judged(replace(bars, **prices, volume=bars.volume * np.where(is_after, 15, 1)))
    assert report.suspected_splits == []


def test_bars_without_trades_are_counted() -> None:
    assert judged(changed(good_bars(), "volume", 3, 0.0)).zero_volume == 1


def test_data_that_lag_a_session_behind_are_stale() -> None:
    report = judged(good_bars()[:-1])
    assert (report.stale_bars, report.stale_sessions) == (1, 1)
    assert codes(report) == ["stale"]
    assert codes(judged(good_bars()[:-1], max_stale_sessions=1)) == []


def test_over_a_weekend_and_a_holiday_nothing_becomes_stale() -> None:
    thanksgiving = datetime(2026, 11, 26, 20, 0, tzinfo=UTC)
    bars = good_bars(moment=datetime(2026, 11, 25, 21, 0, tzinfo=UTC))
    assert judged(bars, moment=thanksgiving).stale_bars == 0
    after_half_day = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)
    assert judged(bars, moment=after_half_day).stale_sessions == 1


def test_intraday_data_are_stale_within_a_session() -> None:
    report = judged(good_bars(Timeframe.MIN_5)[:-3])
    assert (report.stale_bars, report.stale_sessions) == (3, 0)
    assert codes(report) == ["stale"]


def test_a_bar_that_closes_after_the_decision_is_told() -> None:
    bars = good_bars()
    report = judged(bars, moment=FRIDAY_AFTERNOON - DAY)
    assert not report.is_closed_by_moment
    assert codes(report) == ["future_bar"]


def test_too_few_bars_are_told() -> None:
    assert codes(judged(good_bars(count=29))) == ["too_few_bars"]


def test_no_bars_at_all_are_judged_too() -> None:
    report = judged(good_bars()[:0])
    assert codes(report) == ["too_few_bars"]
    assert report.score == 0.0
    assert report.last_close is None


def test_the_score_is_the_share_of_bars_without_a_defect() -> None:
    assert judged(changed(good_bars(count=100), "low", 50, 0.0)).score == pytest.approx(0.99)


@pytest.mark.parametrize(("name", "value"), [("min_bars", 0), ("max_missing_fraction", 2)])
def test_absurd_limits_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        QualityLimits.model_validate({name: value})
