"""On-balance volume, in shares, counted from the first bar given: read its slope, not its level."""

from collections.abc import Mapping

import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars) -> Mapping[str, FloatArray]:
    return {"obv": talib.OBV(bars.close, bars.volume)}


def _warm_up() -> int:
    return 0


indicators.register("obv")(
    Indicator(
        name="obv",
        title="OBV",
        description="On-balance volume: volume added on up bars, taken off on down bars.",
        parameters={},
        outputs=("obv",),
        is_overlay=False,
        compute=_compute,
        warm_up=_warm_up,
    )
)
