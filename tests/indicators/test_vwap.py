from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from backend import indicators
from backend.core.clock import to_ms
from backend.core.values import Bars, FloatArray, Timeframe


def intraday(starts: list[datetime], volume: float = 100.0) -> Bars:
    price = 50 + np.sin(np.arange(len(starts)))
    return Bars(
        timeframe=Timeframe.MIN_30,
        time=np.array([to_ms(start) for start in starts]),
        open=price, high=price + 1, low=price - 1, close=price,
        volume=np.full(len(starts), volume),
    )  # fmt: skip


def session(opening: datetime, bars: int) -> list[datetime]:
    return [opening + timedelta(minutes=30 * number) for number in range(bars)]


def vwap(bars: Bars) -> FloatArray:
    return indicators.compute(bars, [indicators.parse("vwap_5")])["vwap_5"]


def test_intraday_it_starts_anew_with_each_session() -> None:
    first = session(datetime(2026, 3, 5, 14, 30, tzinfo=UTC), 13)
    second = session(datetime(2026, 3, 6, 14, 30, tzinfo=UTC), 13)
    bars = intraday(first + second)
    typical = (bars.high + bars.low + bars.close) / 3
    values = vwap(bars)
    np.testing.assert_allclose(values[0], typical[0])
    np.testing.assert_allclose(values[13], typical[13])
    np.testing.assert_allclose(values[12], typical[:13].mean())


def test_a_lunch_break_is_no_new_session_and_midnight_utc_is_none_either() -> None:
    tokyo = session(datetime(2026, 3, 5, 0, 0, tzinfo=UTC), 5)
    tokyo += session(datetime(2026, 3, 5, 3, 30, tzinfo=UTC), 6)
    bars = intraday(tokyo)
    typical = (bars.high + bars.low + bars.close) / 3
    np.testing.assert_allclose(vwap(bars)[-1], typical.mean())
    sydney = intraday(session(datetime(2026, 3, 4, 23, 0, tzinfo=UTC), 12))
    typical = (sydney.high + sydney.low + sydney.close) / 3
    np.testing.assert_allclose(vwap(sydney)[-1], typical.mean())


def test_without_any_volume_there_is_no_average_price() -> None:
    bars = intraday(session(datetime(2026, 3, 5, 14, 30, tzinfo=UTC), 13), volume=0.0)
    assert np.isnan(vwap(bars)).all()


def test_daily_bars_without_volume_have_none_either(apple: Bars) -> None:
    bars = replace(apple[-30:], volume=np.zeros(30))
    assert np.isnan(vwap(bars)).all()


def test_daily_it_rolls_over_its_period(apple: Bars) -> None:
    bars = apple[-30:]
    typical = (bars.high + bars.low + bars.close) / 3
    expected = (typical * bars.volume)[-5:].sum() / bars.volume[-5:].sum()
    np.testing.assert_allclose(vwap(bars)[-1], expected)
