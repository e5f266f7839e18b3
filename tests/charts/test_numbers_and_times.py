from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from backend.charts import numbers, times
from backend.core.clock import to_ms
from backend.core.values import Bars, Timeframe


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (187.324, "187.32"),
        (0.0, "0.00"),
        (0.041234, "0.0412"),
        (0.0041234, "0.004123"),
        (48_123.4, "48,123"),
        (-1.5, "-1.50"),
        (float("nan"), "-"),
    ],
)
def test_a_price_is_printed_as_its_axis_prints_it(value: float, says: str) -> None:
    assert numbers.price(value) == says


@pytest.mark.parametrize(
    ("value", "says"),
    [(19_731_000.0, "19.73M"), (-399_290_000.0, "-399.29M"), (12_340.0, "12.34K"), (56.1, "56.10")],
)
def test_a_volume_is_printed_short(value: float, says: str) -> None:
    assert numbers.short(value) == says


def test_stored_numbers_keep_seven_significant_digits_and_no_nan() -> None:
    values = np.array([123.456789123, np.nan, np.inf, -0.5])
    assert numbers.plain(values) == [123.4568, None, None, -0.5]
    assert numbers.plain(np.array([0.000012345678])) == [pytest.approx(0.000012345678, rel=1e-6)]


def bars(timeframe: Timeframe, begin: datetime, step: timedelta, count: int) -> Bars:
    flat = np.ones(count)
    return Bars(
        timeframe=timeframe, time=np.array([to_ms(begin + step * row) for row in range(count)]),
        open=flat, high=flat, low=flat, close=flat, volume=flat,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("timeframe", "step", "count", "says"),
    [
        (Timeframe.WEEK, timedelta(weeks=1), 400, "2021"),
        (Timeframe.DAY, timedelta(days=1), 600, "Apr 2020"),
        (Timeframe.DAY, timedelta(days=1), 150, "Mar"),
        (Timeframe.MIN_30, timedelta(minutes=30), 500, "10 Jan"),
        (Timeframe.MIN_5, timedelta(minutes=5), 90, "16:00"),
    ],
)
def test_ticks_stand_where_a_natural_unit_begins(
    timeframe: Timeframe, step: timedelta, count: int, says: str
) -> None:
    begin = datetime(2020, 1, 6, 14, 30, tzinfo=UTC)
    rows, words = times.ticks(bars(timeframe, begin, step, count), "UTC")
    assert 3 <= len(rows) <= times.MOST_TICKS
    assert says in words


def test_the_first_tick_of_a_year_is_the_year() -> None:
    drawn = bars(Timeframe.DAY, datetime(2020, 10, 1, tzinfo=UTC), timedelta(days=1), 180)
    assert "<b>2021</b>" in times.ticks(drawn, "UTC")[1]
