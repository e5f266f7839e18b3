"""Simple moving average."""

from collections.abc import Mapping

import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, period: int) -> Mapping[str, FloatArray]:
    return {"sma": talib.SMA(bars.close, period)}


def _warm_up(*, period: int) -> int:
    return period - 1


indicators.register("sma")(
    Indicator(
        name="sma",
        title="SMA",
        description="Simple moving average: the mean of the last closes.",
        parameters={"period": 20},
        outputs=("sma",),
        is_overlay=True,
        compute=_compute,
        warm_up=_warm_up,
    )
)
