"""Relative strength index, Wilder's smoothing."""

from collections.abc import Mapping

import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, period: int) -> Mapping[str, FloatArray]:
    return {"rsi": talib.RSI(bars.close, period)}


def _warm_up(*, period: int) -> int:
    return period


indicators.register("rsi")(
    Indicator(
        name="rsi",
        title="RSI",
        description="Relative strength, 0 to 100; many call 70 overbought and 30 oversold.",
        parameters={"period": 14},
        outputs=("rsi",),
        is_overlay=False,
        compute=_compute,
        warm_up=_warm_up,
        levels=(30.0, 70.0),
        lowest={"period": 2},
    )
)
