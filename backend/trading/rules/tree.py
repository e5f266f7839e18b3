"""What a rule is made of once it is parsed: numbers, series, and operations on them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backend.core.values import FloatArray

BoolArray = NDArray[np.bool_]


class Kind(StrEnum):
    NUMBER = "number"  #: one number per bar, NaN where it is not known
    CONDITION = "condition"  #: per bar 1 for true, 0 for false, NaN where it is not known


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`compute` takes one array per argument, then the options, and gives an array as long."""

    name: str
    gives: Kind
    compute: Callable[..., FloatArray]


@dataclass(frozen=True, kw_only=True)
class Node:
    text: str
    """The piece of the rule as its author wrote it."""
    start: int
    """Where that piece begins in the rule, counted from 0."""

    @property
    def kind(self) -> Kind:
        return Kind.NUMBER

    @property
    def depth(self) -> int:
        return 1


@dataclass(frozen=True, kw_only=True)
class Constant(Node):
    value: float


@dataclass(frozen=True, kw_only=True)
class Series(Node):
    name: str


@dataclass(frozen=True, kw_only=True)
class Apply(Node):
    operation: Operation
    arguments: tuple[Node, ...]
    options: tuple[float, ...] = ()
    """Plain numbers that shape the operation, such as how many bars it looks back."""
    levels: int
    """How deep the tree is from here; kept, because counting anew at each level is quadratic."""

    @property
    def kind(self) -> Kind:
        return self.operation.gives

    @property
    def depth(self) -> int:
        return self.levels


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, in reading order."""
    yield node
    if isinstance(node, Apply):
        for argument in node.arguments:
            yield from walk(argument)


def evaluate(node: Node, series: Mapping[str, FloatArray], length: int) -> FloatArray:
    """One value per bar. What is infinite or undefined is unknown (NaN), without a warning."""
    with np.errstate(all="ignore"):
        return _evaluate(node, series, length)


def _evaluate(node: Node, series: Mapping[str, FloatArray], length: int) -> FloatArray:
    if isinstance(node, Constant):
        return np.full(length, node.value)
    if isinstance(node, Series):
        return _finite(series[node.name])
    assert isinstance(node, Apply)
    arguments = [_evaluate(argument, series, length) for argument in node.arguments]
    return _finite(node.operation.compute(*arguments, *node.options))


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)
