"""Does every piece of a rule get what it needs: numbers, conditions, so many arguments."""

from backend.trading.rules.functions import MAX_BARS, Function, Parameter
from backend.trading.rules.tokens import refuse
from backend.trading.rules.tree import Constant, Kind, Node


def require(node: Node, kind: Kind, reason: str, rule: str) -> None:
    """Refuse a number where a condition is needed, and the reverse, saying why."""
    if node.kind is kind:
        return
    if kind is Kind.CONDITION:
        problem = (
            f"{node.text!r} is a number, but {reason}. Compare it with something, "
            f"such as {node.text} > 0."
        )
    else:
        problem = f"{node.text!r} is a condition, true or false, but {reason}."
    refuse(rule, node.start, problem)


def bind(
    function: Function, arguments: list[Node], rule: str, start: int
) -> tuple[list[Node], tuple[float, ...]]:
    """Sort a call's arguments into series and plain numbers; `start` is where its name stands."""
    _check_count(function, len(arguments), rule, start)
    parameters = list(function.parameters)
    parameters += parameters[-1:] * (len(arguments) - len(parameters))
    operands: list[Node] = []
    options: list[float] = []
    for parameter, node in zip(parameters, arguments, strict=False):
        if parameter.is_plain:
            options.append(_plain_number(function, parameter, node, rule))
        else:
            reason = f"{parameter.name} in {function.signature} is a {parameter.kind}"
            require(node, Kind(parameter.kind), reason, rule)
            operands.append(node)
    left_out = parameters[len(arguments) :]
    options += [parameter.default for parameter in left_out if parameter.default is not None]
    return operands, tuple(options)


def _check_count(function: Function, given: int, rule: str, start: int) -> None:
    fewest, most = function.fewest, len(function.parameters)
    if given >= fewest and (given <= most or function.takes_more):
        return
    if function.takes_more:
        wanted = f"{fewest} or more arguments"
    elif fewest == most:
        wanted = f"{most} argument{'s' if most > 1 else ''}"
    else:
        wanted = f"{fewest} to {most} arguments"
    refuse(rule, start, f"{function.name} takes {wanted}, not {given}. Write {function.signature}.")


def _plain_number(function: Function, parameter: Parameter, node: Node, rule: str) -> float:
    value = node.value if isinstance(node, Constant) else None
    if parameter.kind == "count":
        if value is None or not 1 <= value <= MAX_BARS or not value.is_integer():
            refuse(
                rule,
                node.start,
                f"{parameter.name} in {function.signature} is a number of bars: "
                f"write a whole number from 1 to {MAX_BARS:,}, not {node.text!r}.",
            )
    elif value is None or not 0 <= value <= 1:
        refuse(
            rule,
            node.start,
            f"{parameter.name} in {function.signature} is a number from 0 to 1, "
            f"where 0.02 is 2 %, not {node.text!r}.",
        )
    return value
