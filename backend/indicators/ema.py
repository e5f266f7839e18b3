"""Exponential moving average, seeded with the mean of its first `period` closes as TA-Lib does."""

from collections.abc import Mapping

import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, period: int) -> Mapping[str, FloatArray]:
    return {"ema": talib.EMA(bars.close, period)}


def _warm_up(*, period: int) -> int:
    return period - 1


indicators.register("ema")(
    Indicator(
        name="ema",
        title="EMA",
        description="Exponential moving average: a mean in which recent closes count more.",
        parameters={"period": 20},
        outputs=("ema",),
        is_overlay=True,
        compute=_compute,
        warm_up=_warm_up,
    )
)
