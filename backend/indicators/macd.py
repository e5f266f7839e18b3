"""Moving average convergence and divergence, with its signal line and histogram."""

from collections.abc import Mapping

import talib

from backend.core.errors import InvalidInput
from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, fast: int, slow: int, signal: int) -> Mapping[str, FloatArray]:
    line, signal_line, histogram = talib.MACD(bars.close, fast, slow, signal)
    return {"macd": line, "signal": signal_line, "histogram": histogram}


def _warm_up(*, fast: int, slow: int, signal: int) -> int:
    """TA-Lib shows no line before its signal has a value."""
    if fast >= slow:
        # TA-Lib would swap them in silence, and the label would name another indicator.
        raise InvalidInput(
            f"The fast period of 'macd' ({fast}) must be smaller than the slow one ({slow}).",
            field="parameters.fast",
        )
    return slow - 1 + signal - 1


indicators.register("macd")(
    Indicator(
        name="macd",
        title="MACD",
        description="Distance of two exponential averages, with its own average as signal.",
        parameters={"fast": 12, "slow": 26, "signal": 9},
        outputs=("macd", "signal", "histogram"),
        is_overlay=False,
        compute=_compute,
        warm_up=_warm_up,
        levels=(0.0,),
        styles={"histogram": "histogram"},
        lowest={"fast": 2, "slow": 2, "signal": 1},
    )
)
