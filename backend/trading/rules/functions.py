"""
The functions of the rule language. To add one, decorate one more function here.

Each sees the present bar and those before it, never a later one, and is unknown (NaN) while one of
the values it needs is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from backend.core.registry import Registry
from backend.core.values import FloatArray
from backend.trading.rules.operators import COMPARISONS, known
from backend.trading.rules.tree import Kind, Operation

MAX_BARS = 1_000
"""How far back a function may look: more than any chart holds, little enough to stay quick."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A `count` is a whole number of bars, a `fraction` 0.02 for 2 %; both plain numbers."""

    name: str
    kind: Literal["number", "condition", "count", "fraction"] = "number"
    default: float | None = None

    @property
    def is_plain(self) -> bool:
        return self.kind in ("count", "fraction")


@dataclass(frozen=True, kw_only=True)
class Function(Operation):
    parameters: tuple[Parameter, ...]
    summary: str
    """What it gives, in a sentence for the page that lists the functions."""
    example: str
    takes_more: bool = False
    """The last parameter may be given again and again."""
    looks_back: Callable[..., int] = lambda *options: 0
    """With which earlier bar, by the options, an explanation should show the values."""

    @property
    def signature(self) -> str:
        names = (
            item.name if item.default is None else f"{item.name}={item.default:g}"
            for item in self.parameters
        )
        return f"{self.name}({', '.join(names)}{', ...' if self.takes_more else ''})"

    @property
    def fewest(self) -> int:
        return sum(item.default is None for item in self.parameters)


functions: Registry[Function] = Registry("function")

X, Y = Parameter(name="x"), Parameter(name="y")
N = Parameter(name="n", kind="count")
N_OR_1 = Parameter(name="n", kind="count", default=1)


def _function(
    *parameters: Parameter, gives: Kind, summary: str, example: str, **more: Any
) -> Callable[[Callable[..., FloatArray]], Callable[..., FloatArray]]:
    def keep(compute: Callable[..., FloatArray]) -> Callable[..., FloatArray]:
        # Python's own abs, min and max stay usable here: their twins end in an underscore.
        name = compute.__name__.rstrip("_")
        functions.register(name)(
            Function(
                name=name,
                gives=gives,
                compute=compute,
                parameters=parameters,
                summary=summary,
                example=example,
                **more,
            )
        )
        return compute

    return keep


@_function(
    X,
    Y,
    gives=Kind.CONDITION,
    summary="x is above y now, and was not above it one bar ago.",
    example="crosses_above(sma_20, sma_50)",
    looks_back=lambda: 1,
)
def crosses_above(x: FloatArray, y: FloatArray) -> FloatArray:
    x_before, y_before = previous(x), previous(y)
    return known((x > y) & (x_before <= y_before), x, y, x_before, y_before)


@_function(
    X,
    Y,
    gives=Kind.CONDITION,
    summary="x is below y now, and was not below it one bar ago.",
    example="crosses_below(rsi_14, 70)",
    looks_back=lambda: 1,
)
def crosses_below(x: FloatArray, y: FloatArray) -> FloatArray:
    return crosses_above(y, x)


@_function(
    X,
    N,
    gives=Kind.CONDITION,
    summary="At each of the last n bars x is higher than one bar earlier.",
    example="rising(sma_50, 3)",
    looks_back=lambda n: int(n),
)
def rising(x: FloatArray, n: float) -> FloatArray:
    return _window(COMPARISONS[">"].compute(x, previous(x)), n, np.min)


@_function(
    X,
    N,
    gives=Kind.CONDITION,
    summary="At each of the last n bars x is lower than one bar earlier.",
    example="falling(macd_histogram, 2)",
    looks_back=lambda n: int(n),
)
def falling(x: FloatArray, n: float) -> FloatArray:
    return rising(-x, n)


@_function(
    X,
    N,
    gives=Kind.NUMBER,
    summary="The highest x of the last n bars, the present one among them.",
    example="close >= highest(high, 20)",
)
def highest(x: FloatArray, n: float) -> FloatArray:
    return _window(x, n, np.max)


@_function(
    X,
    N,
    gives=Kind.NUMBER,
    summary="The lowest x of the last n bars, the present one among them.",
    example="low <= lowest(low, 20)",
)
def lowest(x: FloatArray, n: float) -> FloatArray:
    return _window(x, n, np.min)


@_function(
    X,
    N_OR_1,
    gives=Kind.NUMBER,
    summary="x as it was n bars ago.",
    example="close > previous(high)",
)
def previous(x: FloatArray, n: float = 1) -> FloatArray:
    shifted = np.full(len(x), np.nan)
    shifted[int(n) :] = x[: max(len(x) - int(n), 0)]
    return shifted


@_function(
    X,
    gives=Kind.NUMBER,
    summary="x without its sign.",
    example="abs(close - open) < atr_14",
)
def abs_(x: FloatArray) -> FloatArray:
    return np.abs(x)


@_function(
    X,
    Y,
    gives=Kind.NUMBER,
    summary="The smallest of two or more values at the same bar.",
    example="close < min(sma_20, sma_50)",
    takes_more=True,
)
def min_(*values: FloatArray) -> FloatArray:
    return reduce(np.minimum, values)


@_function(
    X,
    Y,
    gives=Kind.NUMBER,
    summary="The largest of two or more values at the same bar.",
    example="close > max(sma_20, sma_50)",
    takes_more=True,
)
def max_(*values: FloatArray) -> FloatArray:
    return reduce(np.maximum, values)


@_function(
    X,
    N,
    gives=Kind.NUMBER,
    summary="How much x has changed in n bars, as a fraction: 0.05 is 5 % up.",
    example="percent_change(close, 5) > 0.03",
)
def percent_change(x: FloatArray, n: float) -> FloatArray:
    return x / previous(x, n) - 1


@_function(
    X,
    Y,
    Parameter(name="fraction", kind="fraction"),
    gives=Kind.CONDITION,
    summary="x is at most that fraction of y away from y.",
    example="within(close, sma_50, 0.02)",
)
def within(x: FloatArray, y: FloatArray, fraction: float) -> FloatArray:
    return COMPARISONS["<="].compute(np.abs(x - y), fraction * np.abs(y))


@_function(
    Parameter(name="condition", kind="condition"),
    gives=Kind.NUMBER,
    summary="Bars since the condition was last true: 0 when it is true now, "
    "unknown when it never was. Bars at which it is unknown count as not true.",
    example="bars_since(crosses_above(close, sma_50)) <= 3",
)
def bars_since(condition: FloatArray) -> FloatArray:
    bar = np.arange(len(condition), dtype=np.float64)
    last = np.maximum.accumulate(np.where(condition == 1, bar, -1))
    return np.where(last >= 0, bar - last, np.nan)


def _window(x: FloatArray, n: float, pick: Callable[..., Any]) -> FloatArray:
    """`pick` over the last n values at each bar; unknown while there are fewer."""
    picked = np.full(len(x), np.nan)
    if n <= len(x):
        picked[int(n) - 1 :] = pick(sliding_window_view(x, int(n)), axis=1)
    return picked
