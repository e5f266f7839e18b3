"""Average true range, Wilder's smoothing, in price units."""

from collections.abc import Mapping

import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, period: int) -> Mapping[str, FloatArray]:
    return {"atr": talib.ATR(bars.high, bars.low, bars.close, period)}


def _warm_up(*, period: int) -> int:
    return period


indicators.register("atr")(
    Indicator(
        name="atr",
        title="ATR",
        description="Average true range: how far the price moves in a bar, in its currency.",
        parameters={"period": 14},
        outputs=("atr",),
        is_overlay=False,
        compute=_compute,
        warm_up=_warm_up,
    )
)
