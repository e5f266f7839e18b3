"""Slow stochastic oscillator: %K over `k` bars smoothed by `smooth`, and %D, its mean over `d`."""

from collections.abc import Mapping

import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, k: int, smooth: int, d: int) -> Mapping[str, FloatArray]:
    # The smoothing that is left to TA-Lib's default is the simple moving average.
    slow_k, slow_d = talib.STOCH(
        bars.high, bars.low, bars.close, fastk_period=k, slowk_period=smooth, slowd_period=d
    )
    return {"k": slow_k, "d": slow_d}


def _warm_up(*, k: int, smooth: int, d: int) -> int:
    return k - 1 + smooth - 1 + d - 1


indicators.register("stochastic")(
    Indicator(
        name="stochastic",
        title="Stochastic",
        description="Where the close lies in the range of the last bars, 0 to 100.",
        parameters={"k": 14, "smooth": 3, "d": 3},
        outputs=("k", "d"),
        is_overlay=False,
        compute=_compute,
        warm_up=_warm_up,
        levels=(20.0, 80.0),
        lowest={"k": 1, "smooth": 1, "d": 1},
    )
)
