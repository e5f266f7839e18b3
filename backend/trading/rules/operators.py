"""
Arithmetic, comparisons, and, or, not: over whole arrays, with a third value for "not known".

Conditions are arrays of 1 (true), 0 (false) and NaN (unknown), joined by Kleene's strong logic:
`unknown or true` is true, `unknown and false` is false, everything else unknown stays unknown.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from backend.core.values import FloatArray
from backend.trading.rules.tree import BoolArray, Kind, Operation


def known(result: BoolArray, *seen: FloatArray) -> FloatArray:
    """A condition that is unknown wherever one of the values it has seen is."""
    unknown = np.logical_or.reduce([np.isnan(values) for values in seen])
    return np.where(unknown, np.nan, result.astype(np.float64))


def _comparison(sign: str, compare: Callable[[Any, Any], Any]) -> Operation:
    def compute(left: FloatArray, right: FloatArray) -> FloatArray:
        return known(compare(left, right), left, right)

    return Operation(name=sign, gives=Kind.CONDITION, compute=compute)


def _arithmetic(sign: str, compute: Callable[..., Any]) -> Operation:
    return Operation(name=sign, gives=Kind.NUMBER, compute=compute)


def _all_of(*conditions: FloatArray) -> FloatArray:
    is_false = np.logical_or.reduce([condition == 0 for condition in conditions])
    is_true = np.logical_and.reduce([condition == 1 for condition in conditions])
    return np.where(is_false, 0.0, np.where(is_true, 1.0, np.nan))


def _any_of(*conditions: FloatArray) -> FloatArray:
    return 1 - _all_of(*(1 - condition for condition in conditions))


COMPARISONS = {
    sign: _comparison(sign, compare)
    for sign, compare in (
        ("<", np.less),
        ("<=", np.less_equal),
        (">", np.greater),
        (">=", np.greater_equal),
        ("==", np.equal),
        ("!=", np.not_equal),
    )
}
ARITHMETIC = {
    sign: _arithmetic(sign, compute)
    for sign, compute in (
        ("+", np.add),
        ("-", np.subtract),
        ("*", np.multiply),
        ("/", np.divide),
    )
}
MINUS = _arithmetic("minus", np.negative)
AND = Operation(name="and", gives=Kind.CONDITION, compute=_all_of)
OR = Operation(name="or", gives=Kind.CONDITION, compute=_any_of)
NOT = Operation(name="not", gives=Kind.CONDITION, compute=lambda condition: 1 - condition)
