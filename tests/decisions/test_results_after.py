"""What followed a decision, against results that were worked out by hand."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.clock import from_ms, to_ms
from backend.core.values import Bars, Timeframe
from backend.decisions.results import (
    Decided,
    Results,
    Touched,
    as_pending,
    due_closes,
    in_risks,
    results,
    scale_of,
)
from backend.exchange.calendars import calendar
from backend.exchange.sessions import bar_close_ms, expected_starts

NYSE = calendar("NYSE")
FRIDAY = datetime(2026, 11, 20, 20, 30, tzinfo=UTC)
"""Half an hour before the close; the next sessions are those of 23, 24, 25 and, half a day, 27."""
LATER = datetime(2027, 6, 1, tzinfo=UTC)

Row = tuple[float, float, float, float]


def daily(rows: list[Row], first: datetime = datetime(2026, 11, 20, tzinfo=UTC)) -> Bars:
    """One bar per session from that day on: open, high, low, close."""
    starts = expected_starts(NYSE, Timeframe.DAY, first, LATER)[: len(rows)]
    return Bars.from_rows(
        Timeframe.DAY, [(int(t), *row, 1e6) for t, row in zip(starts, rows, strict=True)]
    )


def flat(price: float) -> Row:
    return price, price + 0.5, price - 0.5, price


def without(bars: Bars, row: int) -> Bars:
    return bars.where(np.arange(len(bars)) != row)


BUY = Decided(as_of=FRIDAY, sign=1, price=100.0, stop=98.0, target=104.0)
SELL = Decided(as_of=FRIDAY, sign=-1, price=100.0, stop=102.0, target=96.0)
SIX = [flat(100), flat(101), flat(102), flat(101), flat(99), flat(103)]


def known(bars: Bars) -> int:
    return int(bar_close_ms(NYSE, bars.timeframe, bars.time)[-1])


def found(decided: Decided, bars: Bars, scale: float = 1.0) -> Results:
    return results(decided, bars, NYSE, known_until=known(bars), scale=scale)


def test_the_bar_in_progress_does_not_count_and_the_next_is_the_first() -> None:
    # Friday's own bar falls through the stop; it began before the decision.
    bars = daily([(100, 100, 90, 100), *SIX[1:]])
    result = found(BUY, bars)
    assert result.bars == 5
    assert result.returns == pytest.approx({1: 0.01, 5: 0.03})
    assert result.touch is None


def test_a_sellers_results_have_the_other_sign() -> None:
    assert found(SELL, daily(SIX)).returns == pytest.approx({1: -0.01, 5: -0.03})


def test_thanksgiving_is_no_bar_and_the_half_day_after_it_is_one() -> None:
    closes = [from_ms(int(close)) for close in due_closes(NYSE, Timeframe.DAY, FRIDAY)[:4]]
    assert [(close.day, close.hour) for close in closes] == [(23, 21), (24, 21), (25, 21), (27, 18)]


def test_hours_of_a_half_day_are_counted_as_they_are() -> None:
    wednesday = datetime(2026, 11, 25, 20, 30, tzinfo=UTC)
    closes = [from_ms(int(close)) for close in due_closes(NYSE, Timeframe.HOUR_1, wednesday)[:6]]
    # 15:30 to 16:00 on Wednesday, then 9:30 to 13:00 on Friday, whose last bar is half an hour.
    assert [(close.day, close.hour, close.minute) for close in closes] == [
        (25, 21, 0),
        *((27, hour, 30) for hour in (15, 16, 17)),
        (27, 18, 0),
        (30, 15, 30),
    ]


def test_a_bar_that_begins_at_the_very_moment_counts_and_a_microsecond_later_it_does_not() -> None:
    opening = from_ms(int(daily(SIX).time[1]))
    for late, first in ((0, 1), (1, 2)):
        moment = opening.replace(microsecond=late)
        result = found(Decided(as_of=moment, sign=1, price=100.0), daily(SIX))
        assert result.returns[1] == pytest.approx(SIX[first][3] / 100 - 1)


def test_a_missing_bar_does_not_lengthen_the_horizon() -> None:
    bars = without(daily(SIX), 5)
    extended = daily([*SIX, flat(110)])
    result = results(BUY, bars, NYSE, known_until=known(daily(SIX)))
    # The fifth bar never came: the price after five bars is that of the fourth.
    assert result.returns == pytest.approx({1: 0.01, 5: -0.01})
    assert found(BUY, without(extended, 5)).returns == pytest.approx(result.returns)


def test_a_first_bar_that_is_missing_gives_no_result_after_one() -> None:
    bars = without(daily(SIX), 1)
    result = found(BUY, bars)
    assert 1 not in result.returns
    assert result.returns[5] == pytest.approx(0.03)


def test_nothing_is_said_before_the_first_bar_has_closed() -> None:
    result = results(BUY, daily(SIX), NYSE, known_until=to_ms(FRIDAY))
    assert (result.bars, result.returns, result.touch) == (0, {}, None)
    assert as_pending(0) == [(1, 1), (5, 5), (20, 20)]
    assert as_pending(2) == [(5, 3), (20, 18)]
    assert as_pending(20) == []


@pytest.mark.parametrize(
    ("bar", "what", "is_ambiguous"),
    [
        ((100, 101, 97.9, 100), Touched.STOP, False),
        ((100, 104, 99, 100), Touched.TARGET, False),
        ((100, 105, 97, 100), Touched.STOP, True),
        # It opens beyond the target, and falls through the stop later in the day.
        ((104.5, 105, 97, 98), Touched.TARGET, False),
        ((97, 105, 96, 104), Touched.STOP, False),
    ],
    ids=["stop", "target", "both", "opens above the target", "opens below the stop"],
)
def test_what_a_buyer_touched_first(bar: Row, what: Touched, is_ambiguous: bool) -> None:
    touch = found(BUY, daily([flat(100), flat(101), bar, flat(100)])).touch
    assert touch is not None
    assert (touch.what, touch.bar, touch.is_ambiguous) == (what, 2, is_ambiguous)


@pytest.mark.parametrize(
    ("bar", "what", "is_ambiguous"),
    [
        ((100, 102, 99, 100), Touched.STOP, False),
        ((100, 101, 96, 100), Touched.TARGET, False),
        ((100, 103, 95, 100), Touched.STOP, True),
        ((95.5, 103, 95, 100), Touched.TARGET, False),
        ((103, 103, 95, 96), Touched.STOP, False),
    ],
    ids=["stop", "target", "both", "opens below the target", "opens above the stop"],
)
def test_what_a_seller_touched_first(bar: Row, what: Touched, is_ambiguous: bool) -> None:
    touch = found(SELL, daily([flat(100), flat(100.2), bar])).touch
    assert touch is not None
    assert (touch.what, touch.bar, touch.is_ambiguous) == (what, 2, is_ambiguous)


def test_a_touch_after_the_last_horizon_is_none() -> None:
    rows = [flat(100)] * 21 + [(100.0, 100.5, 90.0, 99.0)]
    assert found(BUY, daily(rows)).touch is None
    assert found(BUY, daily(rows)).returns[20] == pytest.approx(0.0)
    assert found(BUY, daily(rows[1:])).touch is not None


def test_prices_after_a_split_are_measured_on_their_own_scale() -> None:
    halved = daily([tuple(price / 2 for price in row) for row in SIX])  # type: ignore[misc]
    scale = scale_of(halved, int(halved.time[0]), 100.0) or 0.0
    assert scale == pytest.approx(0.5)
    result = found(BUY, halved, scale)
    assert result.returns == pytest.approx({1: 0.01, 5: 0.03})
    assert result.touch is None


def test_without_the_last_bar_that_was_seen_no_scale_is_known() -> None:
    bars = daily(SIX)
    assert scale_of(bars, int(bars.time[0]) - 1, 100.0) is None
    assert scale_of(bars[1:], int(bars.time[0]), 100.0) is None
    assert scale_of(bars[:0], int(bars.time[0]), 100.0) is None
    assert scale_of(bars, int(bars.time[0]), 100.0) == 1.0


def test_risk_is_the_distance_to_the_stop() -> None:
    assert in_risks(0.03, 100, 98) == pytest.approx(1.5)
    assert in_risks(-0.02, 100, 102) == pytest.approx(-1.0)


PRICES = st.lists(st.floats(50, 150), min_size=26, max_size=26)


@settings(max_examples=60)
@given(prices=PRICES, others=PRICES, at=st.integers(1, 24), sign=st.sampled_from([1, -1]))
def test_bars_that_began_before_the_decision_change_no_result(
    prices: list[float], others: list[float], at: int, sign: int
) -> None:
    """No look-ahead, and no look back: only what came after counts."""
    bars = daily([flat(price) for price in prices])
    moment = from_ms(int(bars.time[at]) - 1)
    decided = Decided(
        as_of=moment, sign=sign, price=100.0, stop=100 - sign * 5, target=100 + sign * 9
    )
    changed = daily([flat(p) for p in [*others[:at], *prices[at:]]])
    assert found(decided, changed) == found(decided, bars)


@settings(max_examples=60)
@given(prices=PRICES, others=PRICES, until=st.integers(1, 25), sign=st.sampled_from([1, -1]))
def test_bars_that_are_not_known_yet_change_no_result(
    prices: list[float], others: list[float], until: int, sign: int
) -> None:
    bars = daily([flat(price) for price in prices])
    changed = daily([flat(p) for p in [*prices[: until + 1], *others[until + 1 :]]])
    decided = Decided(
        as_of=FRIDAY, sign=sign, price=100.0, stop=100 - sign * 5, target=100 + sign * 9
    )
    moment = known(bars[: until + 1])
    assert results(decided, changed, NYSE, known_until=moment) == results(
        decided, bars, NYSE, known_until=moment
    )
