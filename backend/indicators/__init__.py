"""
Indicators: pure functions from bars to series. To add one, add one file here.

TA-Lib's other functions are registered under their own names, so that `cci_20` works unasked.
"""

from backend.core.registry import import_siblings
from backend.indicators.base import (
    Indicator,
    IndicatorSpec,
    indicators,
    parse,
    read_spelling,
    spell,
)
from backend.indicators.compute import DrawnSeries, compute, describe, series_names, warm_up

import_siblings(__name__, __path__)

from backend.indicators import talib_functions  # noqa: E402  # ours come first and keep their names

talib_functions.register_the_rest()

__all__ = [
    "DrawnSeries",
    "Indicator",
    "IndicatorSpec",
    "compute",
    "describe",
    "indicators",
    "parse",
    "read_spelling",
    "series_names",
    "spell",
    "warm_up",
]
