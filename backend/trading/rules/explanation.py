"""What each condition in a rule saw at the last bar, in numbers and in a sentence."""

from collections.abc import Callable, Iterator, Mapping
from math import isnan

from pydantic import BaseModel, ConfigDict

from backend.core.values import FloatArray
from backend.trading.rules.functions import Function
from backend.trading.rules.operators import COMPARISONS
from backend.trading.rules.tree import Apply, Constant, Kind, Node, evaluate, walk


class Finding(BaseModel):
    """One comparison, or one function that is true or false, at the last bar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    """The condition as written."""
    value: dict[str, float | None]
    """
    What it saw, by the text of each operand and series. None is not known. A value of an earlier
    bar goes by `sma_20, 1 bar ago`.
    """
    verdict: bool | None
    """None when it cannot be known: too few bars yet, or a division by zero."""
    sentence: str


_WORDS = {
    "<": "below",
    "<=": "at or below",
    ">": "above",
    ">=": "at or above",
    "==": "equal to",
    "!=": "different from",
}

Look = Callable[[Node, int], float | None]
"""The value of a piece of the rule, so many bars before the last one."""


def explain(root: Node, series: Mapping[str, FloatArray], length: int) -> list[Finding]:
    def look(node: Node, bars_ago: int) -> float | None:
        values = evaluate(node, series, length)
        value = values[-1 - bars_ago] if bars_ago < length else float("nan")
        return None if isnan(value) else float(value)

    return [_finding(condition, look) for condition in _conditions(root)]


def _conditions(root: Node) -> Iterator[Apply]:
    for node in walk(root):
        if isinstance(node, Apply) and node.kind is Kind.CONDITION:
            is_function = isinstance(node.operation, Function)
            if is_function or node.operation.name in COMPARISONS:
                yield node


def _finding(condition: Apply, look: Look) -> Finding:
    value = look(condition, 0)
    verdict = None if value is None else value == 1
    if isinstance(condition.operation, Function):
        bars_ago = condition.operation.looks_back(*condition.options)
        sentence = _function_sentence(condition, verdict, look, bars_ago)
    else:
        bars_ago = 0
        sentence = _comparison_sentence(condition, verdict, look)
    return Finding(
        text=condition.text,
        value=_seen(condition, look, bars_ago),
        verdict=verdict,
        sentence=sentence,
    )


def _seen(condition: Apply, look: Look, bars_ago: int) -> dict[str, float | None]:
    seen: dict[str, float | None] = {}
    for argument in condition.arguments:
        for node in walk(argument):
            if node.kind is Kind.NUMBER and not isinstance(node, Constant):
                seen[node.text] = look(node, 0)
        if bars_ago and not isinstance(argument, Constant):
            seen[f"{argument.text}, {_ago(bars_ago)}"] = look(argument, bars_ago)
    return seen


def _comparison_sentence(condition: Apply, verdict: bool | None, look: Look) -> str:
    left, right = (_with_value(argument, look) for argument in condition.arguments)
    if verdict is None:
        return f"{left} cannot be compared with {right}: {_UNKNOWN}."
    word = _WORDS[condition.operation.name]
    return f"{left} is {'' if verdict else 'not '}{word} {right}."


def _function_sentence(condition: Apply, verdict: bool | None, look: Look, bars_ago: int) -> str:
    if verdict is None:
        return f"{condition.text} cannot be judged: {_UNKNOWN}."
    if bars_ago:
        moves = (
            f"{argument.text} went from {_number(look(argument, bars_ago))} "
            f"to {_number(look(argument, 0))}"
            for argument in condition.arguments
            if not isinstance(argument, Constant)
        )
        seen = f"{' and '.join(moves)} in {bars_ago} bar{'s' if bars_ago > 1 else ''}"
    else:
        seen = " and ".join(
            f"{argument.text} is {_number(look(argument, 0))}" for argument in condition.arguments
        )
    return f"{condition.text} {'holds' if verdict else 'does not hold'}: {seen}."


_UNKNOWN = "a value is not known, for want of bars or because of a division by zero"


def _with_value(node: Node, look: Look) -> str:
    return node.text if isinstance(node, Constant) else f"{node.text} ({_number(look(node, 0))})"


def _number(value: float | None) -> str:
    """Four decimals at most for prices, six digits for what is smaller than one."""
    if value is None:
        return "not known"
    if abs(value) < 1:
        return f"{value:.6g}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def _ago(bars: int) -> str:
    return f"{bars} bar{'s' if bars > 1 else ''} ago"
