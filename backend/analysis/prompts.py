"""Prompts: Jinja in a cage, checked when they are saved, rendered within bounds."""

import math
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, get_args

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from backend.analysis.prompt_samples import samples
from backend.analysis.prompt_variables import VARIABLES, PromptKind
from backend.core.errors import InvalidInput, UnknownName, did_you_mean

LONGEST_TEMPLATE = 20_000
LONGEST_PROMPT = 60_000
"""Characters; some 15,000 tokens, far more than a good prompt needs."""
DEEPEST_LOOP = 2
_FIELD = "template"
_TEXTS = Path(__file__).parent / "prompt_texts"

_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.For, nodes.If, nodes.CondExpr),
    *(nodes.Name, nodes.Const, nodes.List, nodes.Tuple, nodes.Getattr, nodes.Getitem, nodes.Slice),
    *(nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Filter),
    *(nodes.Test, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.Neg, nodes.Pos, nodes.Keyword),
)
"""All that a prompt may be made of. No calls, assignments, macros or other files: what is left
cannot run on, and cannot reach anything but the values it is given."""


class _Cage(ImmutableSandboxedEnvironment):
    """Arithmetic on numbers only: a text times a million is no prompt."""

    intercepted_binops = frozenset({"+", "-", "*", "/"})

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        for side in (left, right):
            if not isinstance(side, int | float):
                raise SecurityError(f"'{operator}' is for numbers; join texts with '~'.")
        return super().call_binop(context, operator, left, right)


def validate(template: str, kind: PromptKind) -> None:
    """
    Refuse a prompt that could not be rendered.

    Raises `UnknownName` for an unknown variable, with the near miss and all known ones, and
    `InvalidInput` for anything else; both name the line and have the field `template`.
    """
    if not template.strip():
        raise _invalid("The prompt is empty.")
    if len(template) > LONGEST_TEMPLATE:
        raise _invalid(f"The prompt is longer than {LONGEST_TEMPLATE:,} characters.")
    _check_names(_parse(template), kind)
    # Attributes are seen only when used: try each branch's values.
    for sample in samples(kind):
        render(template, sample)


def render(template: str, variables: Mapping[str, Any]) -> str:
    """
    The prompt's text. Raises `InvalidInput` for a value that is not there, a fault such as a
    division by zero, or a text longer than `LONGEST_PROMPT`.
    """
    parts, length = [], 0
    try:
        for part in _compiled(template).generate(**variables):
            length += len(part)
            if length > LONGEST_PROMPT:
                raise _invalid(f"The prompt renders to more than {LONGEST_PROMPT:,} characters.")
            parts.append(part)
    except (TemplateError, ArithmeticError, TypeError, ValueError) as error:
        raise _invalid(f"The prompt does not render: {error}.") from error
    return "".join(parts).strip() + "\n"


@cache
def defaults() -> Mapping[PromptKind, str]:
    """The prompts that a new installation starts with."""
    return {kind: (_TEXTS / f"{kind}.jinja").read_text() for kind in get_args(PromptKind)}


def number(value: Any, decimals: int = 4) -> str:
    """
    A number for a reader, without an exponent or trailing zeros; None is "none".

    Small numbers keep four digits whatever `decimals` says, so that a MACD of 0.00012 can be
    quoted.
    """
    if value is None:
        return "none"
    amount = float(value)
    if 0 < abs(amount) < 0.1:
        decimals = max(int(decimals), 3 - math.floor(math.log10(abs(amount))))
    text = f"{amount:.{min(max(int(decimals), 0), 12)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def join(values: Iterable[Any], between: str = ", ") -> str:
    """The values in one line, numbers as `number` writes them."""
    texts = [number(item) if isinstance(item, int | float) else str(item) for item in values]
    if sum(map(len, texts)) + len(texts) * len(between) > LONGEST_PROMPT:
        raise ValueError(f"a joined list is longer than {LONGEST_PROMPT:,} characters")
    return between.join(texts)


_FILTERS = {"number": number, "join": join, "length": len}


@cache
def _cage() -> _Cage:
    cage = _Cage(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
    cage.globals.clear()
    cage.filters = dict(_FILTERS)
    cage.tests = {name: cage.tests[name] for name in ("none", "defined", "undefined", "eq")}
    return cage


@lru_cache(maxsize=64)
def _compiled(template: str) -> Template:
    # Checked here too, so that no prompt comes past it, wherever it was stored.
    _parse(template)
    try:
        return _cage().from_string(template)
    except (RecursionError, MemoryError, SyntaxError):
        raise _invalid("The prompt is nested too deeply.") from None


def _parse(template: str) -> nodes.Template:
    try:
        tree = _cage().parse(template)
        _check_nodes(tree, depth=0)
    except TemplateSyntaxError as error:
        raise _invalid(f"Line {error.lineno}: {str(error.message).rstrip('.')}.") from None
    except RecursionError:
        raise _invalid("The prompt is nested too deeply.") from None
    return tree


def _check_nodes(node: nodes.Node, depth: int) -> None:
    depth += isinstance(node, nodes.For)
    if depth > DEEPEST_LOOP:
        raise _at(node, f"loops may not be nested deeper than {DEEPEST_LOOP}.")
    if isinstance(node, nodes.For) and node.recursive:
        raise _at(node, "a loop may not call itself.")
    if not isinstance(node, _ALLOWED):
        what = type(node).__name__.lower()
        raise _at(node, f"a prompt may not use '{what}'; it has values, if, for and filters.")
    if isinstance(node, nodes.Filter):
        _check_known(node, node.name, _FILTERS, "filter")
    if isinstance(node, nodes.Test):
        _check_known(node, node.name, _cage().tests, "test")
    for child in node.iter_child_nodes():
        _check_nodes(child, depth)


def _check_known(node: nodes.Node, name: str, known: Iterable[str], what: str) -> None:
    names = sorted(known)
    if name not in names:
        hint = did_you_mean(name, names)
        raise _at(node, f"no {what} is named {name!r}.{hint} Known: {', '.join(names)}.")


def _check_names(tree: nodes.Template, kind: PromptKind) -> None:
    known = [variable.name for variable in VARIABLES[kind]]
    own = {name.name for name in tree.find_all(nodes.Name) if name.ctx == "store"} | {"loop"}
    for used in tree.find_all(nodes.Name):
        if used.name not in own and used.name not in known:
            raise UnknownName(
                f"Line {used.lineno}: a {kind} prompt has no variable {used.name!r}."
                f"{did_you_mean(used.name, known)} Known: {', '.join(known)}.",
                field=_FIELD,
            )


def _at(node: nodes.Node, sentence: str) -> InvalidInput:
    return _invalid(f"Line {node.lineno}: {sentence}")


def _invalid(sentence: str) -> InvalidInput:
    return InvalidInput(sentence, code="invalid_prompt", field=_FIELD)
