import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from backend import indicators
from backend.core.values import Bars, FloatArray, Timeframe


def lines(bars: Bars, text: str = "supertrend_10_3") -> tuple[FloatArray, FloatArray]:
    series = indicators.compute(bars, [indicators.parse(text)])
    return series[text], series[f"{text}_direction"]


def test_it_follows_the_pine_reference_rule_by_rule(apple: Bars) -> None:
    """The reference, transcribed term by term with its nz() and na() kept."""
    bars = apple[:600]
    atr = talib.ATR(bars.high, bars.low, bars.close, 10)
    source = (bars.high + bars.low) / 2
    upper, lower = source + 3.0 * atr, source - 3.0 * atr
    line = np.full(len(bars), np.nan)
    for i in range(11, len(bars)):
        if not (lower[i] > lower[i - 1] or bars.close[i - 1] < lower[i - 1]):
            lower[i] = lower[i - 1]
        if not (upper[i] < upper[i - 1] or bars.close[i - 1] > upper[i - 1]):
            upper[i] = upper[i - 1]
    line[10] = upper[10]
    for i in range(11, len(bars)):
        if line[i - 1] == upper[i - 1]:
            line[i] = lower[i] if bars.close[i] > upper[i] else upper[i]
        else:
            line[i] = upper[i] if bars.close[i] < lower[i] else lower[i]
    assert lines(bars)[0].tobytes() == line.tobytes()


def test_it_agrees_with_talibs_own_once_both_have_seen_a_first_turn(apple: Bars) -> None:
    """They begin on opposite sides; after the first turn nothing remembers the beginning."""
    ours, direction = lines(apple)
    theirs, their_direction = talib.SUPERTREND(apple.high, apple.low, apple.close, 10, 3.0)
    turn = int(np.argmax(np.diff(direction[10:]) != 0)) + 11
    assert turn < 100
    assert ours[turn:].tobytes() == theirs[turn:].tobytes()
    assert direction[turn:].tolist() == their_direction[turn:].tolist()


@settings(max_examples=40)
@given(
    steps=st.lists(st.floats(-0.08, 0.08), min_size=30, max_size=120),
    multiplier=st.sampled_from(["1", "2.5", "4"]),
)
def test_price_closes_on_the_side_that_the_direction_says(
    steps: list[float], multiplier: str
) -> None:
    close = 100 * np.exp(np.cumsum(steps))
    bars = Bars(
        timeframe=Timeframe.DAY,
        time=np.arange(len(close)) * 86_400_000,
        open=close, high=close * 1.01, low=close * 0.99, close=close,
        volume=np.ones(len(close)),
    )  # fmt: skip
    text = f"supertrend_7_{multiplier}"
    spec = indicators.parse(text)
    line, direction = indicators.compute(bars, [spec]).values()
    rows = slice(8, None)
    assert (np.where(direction > 0, close >= line, close <= line)[rows]).all()
    rising = (direction[1:] > 0) & (direction[:-1] > 0)
    assert (np.diff(line)[rising] >= 0).all()


def test_its_multiplier_must_leave_some_distance() -> None:
    with pytest.raises(ValueError, match="multiplier"):
        indicators.IndicatorSpec.model_validate("supertrend_10_0")
