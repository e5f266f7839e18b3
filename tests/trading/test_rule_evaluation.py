"""Whole arrays against a reference that reads the rule with Python's parser, bar by bar."""

import ast
import operator
from collections.abc import Callable
from math import isfinite, isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.core.values import FloatArray
from backend.trading.rules import Rule, parse

NAMES = ["close", "sma_20", "rsi_14", "sma_20@1w"]

# --- the reference: one bar, plain Python, None for "not known" -------------------------------

ARITHMETIC: dict[type, Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
COMPARISONS: dict[type, Callable[[float, float], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class Reference:
    def __init__(self, text: str, series: dict[str, FloatArray]) -> None:
        self.tree = ast.parse(text.replace("@", "_AT_").replace("\n", " "), mode="eval").body
        self.series = {name.replace("@", "_AT_"): values for name, values in series.items()}

    def at(self, bar: int) -> bool | None:
        verdict: bool | None = self.value(self.tree, bar)
        return verdict

    def value(self, node: Any, bar: int) -> Any:
        if bar < 0:
            return None
        return getattr(self, type(node).__name__)(node, bar)

    def Constant(self, node: ast.Constant, bar: int) -> Any:
        return node.value

    def Name(self, node: ast.Name, bar: int) -> float | None:
        return known(self.series[node.id][bar])

    def UnaryOp(self, node: ast.UnaryOp, bar: int) -> Any:
        value = self.value(node.operand, bar)
        if value is None:
            return None
        return not value if isinstance(node.op, ast.Not) else -value

    def BinOp(self, node: ast.BinOp, bar: int) -> float | None:
        left, right = self.value(node.left, bar), self.value(node.right, bar)
        if left is None or right is None or (isinstance(node.op, ast.Div) and right == 0):
            return None
        return known(ARITHMETIC[type(node.op)](left, right))

    def BoolOp(self, node: ast.BoolOp, bar: int) -> bool | None:
        values = [self.value(item, bar) for item in node.values]
        decisive = isinstance(node.op, ast.Or)
        if decisive in values:
            return decisive
        return None if None in values else not decisive

    def Compare(self, node: ast.Compare, bar: int) -> bool | None:
        values = [self.value(item, bar) for item in (node.left, *node.comparators)]
        verdicts = [
            None if left is None or right is None else COMPARISONS[type(sign)](left, right)
            for left, sign, right in zip(values[:-1], node.ops, values[1:], strict=True)
        ]
        if False in verdicts:
            return False
        return None if None in verdicts else True

    def Call(self, node: ast.Call, bar: int) -> Any:
        assert isinstance(node.func, ast.Name)
        return getattr(self, node.func.id)(bar, *node.args)

    def run(self, x: Any, bar: int, bars: Any) -> list[float | None]:
        """x at that bar and at so many before it, the present one first."""
        return [self.value(x, bar - back) for back in range(bars)]

    def crosses_above(self, bar: int, x: Any, y: Any) -> bool | None:
        (x_now, x_then), (y_now, y_then) = self.run(x, bar, 2), self.run(y, bar, 2)
        if x_now is None or x_then is None or y_now is None or y_then is None:
            return None
        return x_now > y_now and x_then <= y_then

    def crosses_below(self, bar: int, x: Any, y: Any) -> bool | None:
        return self.crosses_above(bar, y, x)

    def rising(self, bar: int, x: Any, n: Any) -> bool | None:
        values = self.run(x, bar, n.value + 1)
        known_values = [value for value in values if value is not None]
        if len(known_values) < len(values):
            return None
        return all(known_values[at] > known_values[at + 1] for at in range(n.value))

    def falling(self, bar: int, x: Any, n: Any) -> bool | None:
        return self.rising(bar, ast.UnaryOp(ast.USub(), x), n)

    def highest(self, bar: int, x: Any, n: Any) -> float | None:
        return extreme(max, self.run(x, bar, n.value))

    def lowest(self, bar: int, x: Any, n: Any) -> float | None:
        return extreme(min, self.run(x, bar, n.value))

    def previous(self, bar: int, x: Any, n: Any = ast.Constant(1)) -> Any:
        return self.value(x, bar - n.value)

    def abs(self, bar: int, x: Any) -> float | None:
        value = self.value(x, bar)
        return None if value is None else abs(value)

    def min(self, bar: int, *x: Any) -> float | None:
        return extreme(min, [self.value(item, bar) for item in x])

    def max(self, bar: int, *x: Any) -> float | None:
        return extreme(max, [self.value(item, bar) for item in x])

    def percent_change(self, bar: int, x: Any, n: Any) -> float | None:
        now, then = self.value(x, bar), self.value(x, bar - n.value)
        return None if now is None or then is None or then == 0 else known(now / then - 1)

    def within(self, bar: int, x: Any, y: Any, fraction: Any) -> bool | None:
        left, right = self.value(x, bar), self.value(y, bar)
        if left is None or right is None:
            return None
        return bool(abs(left - right) <= fraction.value * abs(right))

    def bars_since(self, bar: int, condition: Any) -> float | None:
        for back in range(bar + 1):
            if self.value(condition, bar - back) is True:
                return back
        return None


def known(value: float) -> float | None:
    return float(value) if isfinite(value) else None


def extreme(pick: Any, values: list[float | None]) -> float | None:
    return None if None in values else pick(values)


# --- random rules, with and without parentheses -----------------------------------------------

constants = st.sampled_from(["0", "1", "2", "0.5", "1e3"])
leaves = st.sampled_from(NAMES)
numbers_of_bars = st.integers(1, 3)


def grow_numbers(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} {} {}".format, leaves, st.sampled_from("+-*"), st.one_of(inner, constants)),
        st.builds("{} / {}".format, leaves, leaves),
        st.builds("({})".format, inner),
        st.builds("-{}".format, inner),
        st.builds("abs({})".format, inner),
        st.builds("previous({})".format, inner),
        st.builds(
            "{}({}, {})".format, st.sampled_from(["min", "max"]), inner, st.one_of(inner, constants)
        ),
    )


numbers = st.recursive(leaves, grow_numbers, max_leaves=3)
looking_back = st.builds(
    "{}({}, {})".format,
    st.sampled_from(["highest", "lowest", "previous", "percent_change"]),
    numbers,
    numbers_of_bars,
)
any_number = st.one_of(numbers, looking_back)
signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])


base_conditions = st.one_of(
    st.builds("{} {} {}".format, any_number, signs, st.one_of(any_number, constants)),
    st.builds("{} {} {} {} {}".format, constants, signs, any_number, signs, any_number),
    st.builds(
        "{}({}, {})".format,
        st.sampled_from(["crosses_above", "crosses_below"]),
        numbers,
        st.one_of(numbers, constants),
    ),
    st.builds(
        "{}({}, {})".format,
        st.sampled_from(["rising", "falling"]),
        numbers,
        numbers_of_bars,
    ),
    st.builds("within({}, {}, 0.5)".format, numbers, numbers),
)


def grow_conditions(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("{} {} {}".format, inner, st.sampled_from(["and", "or"]), inner),
        st.builds("not {}".format, inner),
        st.builds("({})".format, inner),
        st.builds("bars_since({}) {} 2".format, inner, signs),
    )


rules = st.recursive(base_conditions, grow_conditions, max_leaves=4)
prices = st.sampled_from([nan, 0.0, 1.0, 2.0, -1.0, 0.5, 1.5, 1e308])
rows = st.lists(st.tuples(*(prices for _ in NAMES)), min_size=1, max_size=8)


def columns(data: list[tuple[float, ...]]) -> dict[str, FloatArray]:
    return {name: np.array([row[at] for row in data]) for at, name in enumerate(NAMES)}


@settings(max_examples=300, deadline=None)
@given(rules, rows)
def test_whole_arrays_say_what_a_reference_says_bar_by_bar(
    text: str, data: list[tuple[float, ...]]
) -> None:
    rule, series = parse(text, NAMES), columns(data)
    reference = Reference(text, series)
    expected = [reference.at(bar) for bar in range(len(data))]
    assert rule.evaluate(series).tolist() == [verdict is True for verdict in expected]
    assert rule.last(series) is expected[-1]


@settings(max_examples=100, deadline=None)
@given(rules, rows, st.integers(1, 8))
def test_the_future_never_changes_what_was_said_of_the_past(
    text: str, data: list[tuple[float, ...]], kept: int
) -> None:
    rule = parse(text, NAMES)
    whole, past = rule.evaluate(columns(data)), rule.evaluate(columns(data[:kept]))
    assert past.tolist() == whole[:kept].tolist()


def says(text: str, **series: list[float]) -> list[bool]:
    arrays = {name: np.array(values, dtype=np.float64) for name, values in series.items()}
    verdicts: list[bool] = parse(text, arrays).evaluate(arrays).tolist()
    return verdicts


def test_a_cross_counts_on_the_bar_at_which_it_happens_and_only_there() -> None:
    assert says("crosses_above(a, b)", a=[1, 2, 3, 4], b=[2, 2, 2, 2]) == [
        False,
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("text", ["a > 1", "not a > 1", "not (not a > 1)", "a == a", "a != a"])
def test_what_is_not_known_yet_is_never_true_in_any_guise(text: str) -> None:
    assert says(text, a=[nan]) == [False]


def test_an_unknown_value_does_not_hide_what_the_rest_decides() -> None:
    assert says("a > 1 or b > 1", a=[nan], b=[2]) == [True]
    assert says("not (a > 1 and b > 1)", a=[nan], b=[0]) == [True]


@pytest.mark.parametrize("text", ["a / b > 1", "a / b < 1", "not a / b > 1", "b / b == 1"])
def test_a_division_by_zero_is_unknown_and_warns_nobody(text: str) -> None:
    assert says(text, a=[1], b=[0]) == [False]


def test_percent_change_is_a_fraction() -> None:
    assert says("percent_change(a, 2) >= 0.5", a=[100, 120, 150]) == [False, False, True]


def test_a_rule_says_none_of_an_empty_or_unknown_last_bar() -> None:
    rule = parse("close > 1", NAMES)
    assert rule.last({"close": np.array([])}) is None
    assert rule.last({"close": np.array([2.0, nan])}) is None
    assert rule.last({"close": np.array([nan, 2.0])}) is True
    assert rule.evaluate({"close": np.array([])}).tolist() == []


def test_a_window_longer_than_the_history_is_unknown() -> None:
    assert says("highest(a, 5) >= a", a=[1, 2, 3]) == [False] * 3


def test_missing_and_uneven_series_are_refused_by_name() -> None:
    rule = parse("close > sma_20", NAMES)
    with pytest.raises(InvalidInput, match="needs 'sma_20'"):
        rule.evaluate({"close": np.array([1.0])})
    with pytest.raises(InvalidInput, match="not of one length"):
        rule.evaluate({"close": np.array([1.0]), "sma_20": np.array([1.0, 2.0])})


def test_series_are_left_as_they_were() -> None:
    series = {"close": np.array([1.0, np.inf, nan])}
    rule: Rule = parse("close > 0", NAMES)
    assert rule.evaluate(series).tolist() == [True, False, False]
    assert series["close"][1] == np.inf
    assert isnan(series["close"][2])
