"""Bollinger bands: a moving average and `deviations` population standard deviations around it."""

from collections.abc import Mapping

import talib

from backend.core.values import Bars, FloatArray
from backend.indicators.base import Indicator, indicators


def _compute(bars: Bars, *, period: int, deviations: float) -> Mapping[str, FloatArray]:
    upper, middle, lower = talib.BBANDS(bars.close, period, deviations, deviations)
    return {"middle": middle, "upper": upper, "lower": lower}


def _warm_up(*, period: int, deviations: float) -> int:
    return period - 1


indicators.register("bollinger")(
    Indicator(
        name="bollinger",
        title="Bollinger",
        description="A band of standard deviations around a moving average.",
        parameters={"period": 20, "deviations": 2.0},
        outputs=("middle", "upper", "lower"),
        is_overlay=True,
        compute=_compute,
        warm_up=_warm_up,
        styles={"upper": "upper", "lower": "lower"},
        lowest={"period": 2, "deviations": 0.1},
    )
)
