"""Average directional index: how strong a trend is, whichever its direction."""

from collections.abc import Mapping

import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, period: int) -> Mapping[str, FloatArray]:
    return {"adx": talib.ADX(bars.high, bars.low, bars.close, period)}


def _warm_up(*, period: int) -> int:
    return 2 * period - 1


indicators.register("adx")(
    Indicator(
        name="adx",
        title="ADX",
        description="Average directional index: how strong a trend is; above 25 there is one.",
        parameters={"period": 14},
        outputs=("adx",),
        is_overlay=False,
        compute=_compute,
        warm_up=_warm_up,
        levels=(25.0,),
        lowest={"period": 2},
    )
)
