"""A parsed rule: what it needs, what it says at each bar, and why."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from backend.core.errors import InvalidInput, UnknownName, did_you_mean
from backend.core.values import FloatArray
from backend.trading.rules.explanation import Finding, explain
from backend.trading.rules.tree import BoolArray, Node, Series, evaluate, walk


@dataclass(frozen=True, kw_only=True)
class Rule:
    """
    Made by `parse`. Every method takes the series that `names` lists, all as long as the primary
    timeframe's bars, oldest first, and raises `InvalidInput` when one is missing or shorter.
    """

    text: str
    root: Node

    @property
    def names(self) -> tuple[str, ...]:
        """The series that it needs, in reading order, each once."""
        used = (node.name for node in walk(self.root) if isinstance(node, Series))
        return tuple(dict.fromkeys(used))

    def evaluate(self, series: Mapping[str, FloatArray]) -> BoolArray:
        """True at each bar at which the rule is known to hold."""
        return np.equal(self.verdicts(series), 1)

    def last(self, series: Mapping[str, FloatArray]) -> bool | None:
        """Whether it holds at the last bar; None when that cannot be known."""
        verdicts = self.verdicts(series)
        if len(verdicts) == 0 or np.isnan(verdicts[-1]):
            return None
        return bool(verdicts[-1] == 1)

    def explain(self, series: Mapping[str, FloatArray]) -> list[Finding]:
        """Every condition in the rule at the last bar, with the values it saw, in reading order."""
        return explain(self.root, series, self._length(series))

    def verdicts(self, series: Mapping[str, FloatArray]) -> FloatArray:
        """At each bar 1 where it holds, 0 where it does not, NaN where that is not known."""
        return evaluate(self.root, series, self._length(series))

    def _length(self, series: Mapping[str, FloatArray]) -> int:
        for name in self.names:
            if name not in series:
                hint = did_you_mean(name, series)
                raise UnknownName(f"The rule needs {name!r}, and no such series was given.{hint}")
        lengths = {name: len(series[name]) for name in self.names}
        if len(set(lengths.values())) > 1:
            raise InvalidInput(f"The rule's series are not of one length: {lengths}.")
        return next(iter(lengths.values()))
