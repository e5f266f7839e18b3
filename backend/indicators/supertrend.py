"""
SuperTrend, Olivier Seban's trailing stop, with the rules that charting platforms agree on.

Source: the published definition of `ta.supertrend` in TradingView's Pine Script reference: bands
`multiplier` ATRs around (high + low) / 2 that only tighten while price stays inside; the line
follows the lower band in an uptrend, the upper one in a downtrend, and changes sides on a close
beyond it. The ATR is TA-Lib's.
"""

from collections.abc import Mapping

import numpy as np
import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, period: int, multiplier: float) -> Mapping[str, FloatArray]:
    reach = multiplier * talib.ATR(bars.high, bars.low, bars.close, period)
    middle = (bars.high + bars.low) / 2
    line = np.full(len(bars), np.nan)
    direction = np.full(len(bars), np.nan)
    if len(bars) > period:
        rows = slice(period, None)
        line[rows], direction[rows] = _follow(
            (middle - reach)[rows].tolist(),
            (middle + reach)[rows].tolist(),
            bars.close[rows].tolist(),
        )
    return {"supertrend": line, "direction": direction}


def _follow(
    lowers: list[float], uppers: list[float], closes: list[float]
) -> tuple[list[float], list[float]]:
    """The line, and +1 above it or -1 below; each bar depends on the one before, hence a loop."""
    lower, upper, close_before = lowers[0], uppers[0], closes[0]
    is_up = False
    # Pine begins falling whatever the close; the next close beyond a band corrects it.
    line, direction = [upper], [-1.0]
    for new_lower, new_upper, close in zip(lowers[1:], uppers[1:], closes[1:], strict=True):
        if new_lower > lower or close_before < lower:
            lower = new_lower
        if new_upper < upper or close_before > upper:
            upper = new_upper
        is_up = close >= lower if is_up else close > upper
        line.append(lower if is_up else upper)
        direction.append(1.0 if is_up else -1.0)
        close_before = close
    return line, direction


def _warm_up(*, period: int, multiplier: float) -> int:
    return period


indicators.register("supertrend")(
    Indicator(
        name="supertrend",
        title="SuperTrend",
        description="A trailing line of average true ranges that flips with the trend.",
        parameters={"period": 10, "multiplier": 3.0},
        outputs=("supertrend", "direction"),
        is_overlay=True,
        compute=_compute,
        warm_up=_warm_up,
        source="Pine Script reference, ta.supertrend",
        styles={"direction": "direction"},
        lowest={"period": 1, "multiplier": 0.1},
    )
)
