"""Every other function of TA-Lib, under its own name in small letters: `cci_20`, `willr_14`."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import talib
from talib import abstract

from backend.core.values import COLUMNS, Bars, FloatArray
from backend.indicators.base import Indicator, Style, indicators

# TA-Lib's stubs know neither of the two.
_function: Any = abstract.Function  # type: ignore[attr-defined]
_names: Any = talib.get_functions

LEVELS = {
    "aroonosc": (-50.0, 50.0),
    "cci": (-100.0, 100.0),
    "cmo": (-50.0, 50.0),
    "dx": (25.0,),
    "mfi": (20.0, 80.0),
    "mom": (0.0,),
    "roc": (0.0,),
    "stochf": (20.0, 80.0),
    "stochrsi": (20.0, 80.0),
    "trix": (0.0,),
    "ultosc": (30.0, 70.0),
    "willr": (-80.0, -20.0),
}
_STYLES: dict[str, Style] = {
    "Histogram": "histogram",
    "Values represent an upper limit": "upper",
    "Values represent a lower limit": "lower",
}


def register_the_rest() -> None:
    """Register what bars can feed and what no file of ours answers for."""
    for function in _names():
        info = _function(function).info
        inputs = _inputs(info)
        if function.lower() not in indicators and set(inputs) <= set(COLUMNS):
            indicators.register(function.lower())(_indicator(function, info, inputs))


def _inputs(info: Mapping[str, Any]) -> tuple[str, ...]:
    """The bars' columns in the order in which TA-Lib takes them."""
    names: list[str] = []
    for given in info["input_names"].values():
        names.extend([given] if isinstance(given, str) else given)
    return tuple(names)


def _indicator(function: str, info: Mapping[str, Any], inputs: tuple[str, ...]) -> Indicator:
    outputs = tuple(info["output_names"])
    name = function.lower()
    return Indicator(
        name=name,
        title=function,
        description=f"{info['display_name']}.",
        parameters=dict(info["parameters"]),
        outputs=outputs,
        is_overlay="Output scale same as input" in info["function_flags"],
        compute=_computing(function, inputs, outputs),
        warm_up=_looking_back(function),
        source=f"TA-Lib {function}",
        levels=LEVELS.get(name, ()),
        styles=_styles(info["output_flags"]),
    )


def _styles(flags: Mapping[str, list[str]]) -> dict[str, Style]:
    return {
        output: _STYLES[flag] for output, said in flags.items() for flag in said if flag in _STYLES
    }


def _computing(
    function: str, inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> Callable[..., Mapping[str, FloatArray]]:
    call = getattr(talib, function)
    look_back = _looking_back(function)

    def compute(bars: Bars, **parameters: float) -> Mapping[str, FloatArray]:
        result = call(*(getattr(bars, name) for name in inputs), *parameters.values())
        arrays = result if isinstance(result, tuple) else (result,)
        warming_up = look_back(**parameters) if arrays[0].dtype != np.float64 else 0
        return {
            output: _as_floats(array, warming_up)
            for output, array in zip(outputs, arrays, strict=True)
        }

    return compute


def _as_floats(array: Any, warming_up: int) -> FloatArray:
    """TA-Lib's whole-number outputs say 0 where they mean nothing yet."""
    if array.dtype == np.float64:
        return np.asarray(array)
    values = array.astype(np.float64)
    values[:warming_up] = np.nan
    return np.asarray(values)


def _looking_back(function: str) -> Callable[..., int]:
    def warm_up(**parameters: float) -> int:
        asked = _function(function)
        asked.set_parameters(parameters)
        return int(asked.lookback)

    return warm_up
