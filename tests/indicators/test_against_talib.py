"""To the last digit: what we compute is what TA-Lib computes on real prices."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import talib

from backend import indicators
from backend.core.errors import InvalidInput
from backend.core.values import Bars, FloatArray

EXPECTED: dict[str, Callable[[Bars], Any]] = {
    "sma_20": lambda b: talib.SMA(b.close, 20),
    "sma_1": lambda b: talib.SMA(b.close, 1),
    "ema_50": lambda b: talib.EMA(b.close, 50),
    "rsi_14": lambda b: talib.RSI(b.close, 14),
    "macd_12_26_9": lambda b: talib.MACD(b.close, 12, 26, 9),
    "atr_14": lambda b: talib.ATR(b.high, b.low, b.close, 14),
    "adx_14": lambda b: talib.ADX(b.high, b.low, b.close, 14),
    "stochastic_14_3_3": lambda b: talib.STOCH(b.high, b.low, b.close, 14, 3, slowd_period=3),
    "obv": lambda b: talib.OBV(b.close, b.volume),
    "vwap_20": lambda b: talib.VWMA(talib.TYPPRICE(b.high, b.low, b.close), b.volume, 20),
    "cci_20": lambda b: talib.CCI(b.high, b.low, b.close, 20),
    "willr_14": lambda b: talib.WILLR(b.high, b.low, b.close, 14),
    "linearreg_slope_14": lambda b: talib.LINEARREG_SLOPE(b.close, 14),
    "mfi_14": lambda b: talib.MFI(b.high, b.low, b.close, b.volume, 14),
    "ultosc_7_14_28": lambda b: talib.ULTOSC(b.high, b.low, b.close, 7, 14, 28),
    "aroon_25": lambda b: talib.AROON(b.high, b.low, 25),
    "sar_0.02_0.2": lambda b: talib.SAR(b.high, b.low, 0.02, 0.2),
    "bbands_20_2.5_2": lambda b: talib.BBANDS(b.close, 20, 2.5, 2.0),
    "rocr100_10": lambda b: talib.ROCR100(b.close, 10),
    "ht_trendline": lambda b: talib.HT_TRENDLINE(b.close),
}


def same_bits(left: FloatArray, right: FloatArray) -> bool:
    return np.asarray(left, dtype=np.float64).tobytes() == np.asarray(right).tobytes()


@pytest.mark.parametrize("text", EXPECTED)
def test_it_equals_talib_bit_for_bit(text: str, apple: Bars) -> None:
    series = indicators.compute(apple, [indicators.parse(text)])
    expected = EXPECTED[text](apple)
    arrays = expected if isinstance(expected, tuple) else (expected,)
    assert len(series) == len(arrays)
    for ours, theirs in zip(series.values(), arrays, strict=True):
        assert same_bits(ours, theirs)


def test_bollinger_bands_are_talibs_with_the_middle_as_the_main_series(apple: Bars) -> None:
    series = indicators.compute(apple, [indicators.parse("bollinger_20_2.5")])
    upper, middle, lower = talib.BBANDS(apple.close, 20, 2.5, 2.5)
    assert list(series) == ["bollinger_20_2p5", "bollinger_20_2p5_upper", "bollinger_20_2p5_lower"]
    for ours, theirs in zip(series.values(), (middle, upper, lower), strict=True):
        assert same_bits(ours, theirs)


@pytest.mark.parametrize("name", list(indicators.indicators))
def test_every_registered_indicator_fills_its_outputs_and_keeps_its_promise_of_a_warm_up(
    name: str, apple: Bars
) -> None:
    bars = apple[-400:]
    spec = indicators.parse(name)
    series = indicators.compute(bars, [spec])
    assert list(series) == [drawn.label for drawn in indicators.describe(spec)]
    needed = indicators.warm_up([spec])
    for values in series.values():
        assert values.dtype == np.float64
        assert len(values) == len(bars)
    starts = [int(np.argmax(~np.isnan(values))) for values in series.values()]
    # FRACTAL and the like have gaps, so a series may begin later, never earlier.
    assert min(starts) >= needed - 1 or name == "vwap"


@pytest.mark.parametrize(
    "name",
    [
        "sma",
        "ema",
        "rsi",
        "macd",
        "bollinger",
        "atr",
        "adx",
        "stochastic",
        "obv",
        "vwap",
        "supertrend",
    ],
)
def test_our_own_have_their_first_value_exactly_when_they_say(name: str, apple: Bars) -> None:
    spec = indicators.parse(name)
    needed = indicators.warm_up([spec])
    for values in indicators.compute(apple[:needed], [spec]).values():
        assert not np.isnan(values[-1])
    if needed > 1:
        with pytest.raises(InvalidInput, match=f"needs {needed} bars") as caught:
            indicators.compute(apple[: needed - 1], [spec])
        assert caught.value.code == "too_few_bars"


def test_a_bar_without_a_price_is_refused_by_its_place(apple: Bars) -> None:
    bars = apple[-60:]
    broken = bars.close.copy()
    broken[7] = np.nan
    spoiled = replace(bars, close=broken)
    with pytest.raises(InvalidInput, match="close of bar 8 of 60") as caught:
        indicators.compute(spoiled, [indicators.parse("sma_5")])
    assert caught.value.code == "missing_price"


def test_the_bars_needed_are_those_of_the_slowest_indicator(apple: Bars) -> None:
    specs = [indicators.parse(text) for text in ("sma_20", "macd", "sma_200")]
    assert indicators.warm_up(specs) == 200
    assert indicators.warm_up([]) == 0
    with pytest.raises(InvalidInput, match="at least 200 bars"):
        indicators.compute(apple[:50], specs)


def test_a_candle_pattern_has_no_value_before_it_can_see_one(apple: Bars) -> None:
    spec = indicators.parse("cdldoji")
    values = indicators.compute(apple[:100], [spec])["cdldoji"]
    assert np.isnan(values[:10]).all()
    assert set(values[10:].tolist()) <= {0.0, 100.0, -100.0}
