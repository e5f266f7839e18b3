"""
A strategy's document as YAML, for people: written plainly, read strictly.

YAML 1.1 reads the symbols ON, NO and Y as true and false, 1:30 as 90, and takes the last of two
equal keys; here only `true` and `false` are, a key stands once, and there are no anchors, which
could make a short text expand without end. Numbers keep every digit.
"""

import re
from decimal import Decimal
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from backend.core.errors import InvalidInput

LONGEST = 100_000
_DEEPEST = 20
_TAG = "tag:yaml.org,2002:"


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise _Wrong("anchors and aliases (& and *) are not read; write it out", event)
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Wrong("this is nested deeper than any strategy", event)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, ScalarNode):
                raise _Wrong("a key is a plain word", key)
            if key.value in seen:
                raise _Wrong(f"{key.value!r} stands here twice; keep one of them", key)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


class _Wrong(yaml.MarkedYAMLError):
    def __init__(self, problem: str, at: Any) -> None:
        super().__init__(problem=problem, problem_mark=at.start_mark)


def _exact_float(loader: yaml.SafeLoader, node: ScalarNode) -> float | Decimal:
    """A float, unless that would lose digits."""
    exact = Decimal(node.value)
    return float(exact) if Decimal(repr(float(exact))) == exact else exact


for _name, _pattern, _first in (
    ("bool", r"true|false", "tf"),
    ("null", r"null|~|", ["n", "~", ""]),
    ("int", r"[-+]?[0-9]{1,30}", "-+0123456789"),
    ("float", r"[-+]?(?:[0-9]{1,30}\.[0-9]{0,30}|\.[0-9]{1,30})", "-+.0123456789"),
):
    _Loader.add_implicit_resolver(_TAG + _name, re.compile(f"(?:{_pattern})\\Z"), list(_first))
_Loader.add_constructor(f"{_TAG}float", _exact_float)
_Loader.add_constructor(
    f"{_TAG}int",
    lambda loader, node: int(loader.construct_scalar(node)),  # type: ignore[arg-type]
)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


def _write_decimal(dumper: yaml.SafeDumper, value: Decimal) -> ScalarNode:
    text = f"{value:f}"
    return dumper.represent_scalar(f"{_TAG}{'float' if '.' in text else 'int'}", text)


def _write_list(dumper: yaml.SafeDumper, values: list[Any]) -> Node:
    is_short = all(isinstance(value, str | int | Decimal) for value in values)
    return dumper.represent_sequence(f"{_TAG}seq", values, flow_style=is_short)


def _write_text(dumper: yaml.SafeDumper, value: str) -> ScalarNode:
    # YAML takes three more characters for line ends, and only quotes keep them apart.
    quoted = '"' if any(each in value for each in "\x85\u2028\u2029\ufeff") else None
    style = quoted or ("|" if "\n" in value else None)
    return dumper.represent_scalar(f"{_TAG}str", value, style=style)


_Dumper.add_representer(str, _write_text)
_Dumper.add_representer(Decimal, _write_decimal)
_Dumper.add_representer(list, _write_list)


def write(document: dict[str, Any]) -> str:
    """Plain YAML in the document's own order; `read` gives the same document back."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=95)
    return text


def read(text: str) -> Any:
    """Raises `InvalidInput` with line and column for what is no YAML, or none that is read here."""
    if len(text) > LONGEST:
        raise InvalidInput(f"The YAML is longer than {LONGEST:,} characters.", field="yaml")
    try:
        # The loader is a safe one.
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise InvalidInput(_sentence(error), code="invalid_yaml", field="yaml") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidInput(
            f"This is no YAML: {reason}.", code="invalid_yaml", field="yaml"
        ) from None


def place(text: str, path: str) -> tuple[int, int] | None:
    """
    Line and column, counted from 1, of what a dotted path names in a text that `read` takes.

    Where the path itself is not written, that of the part it belongs to; None in an empty text.
    """
    node: Node | None = yaml.compose(text, Loader=_Loader)
    mark = node.start_mark if node is not None else None
    for name in filter(None, path.split(".")):
        found = _child(node, name)
        if found is None:
            break
        mark, node = found
    return (mark.line + 1, mark.column + 1) if mark is not None else None


def _child(node: Node | None, name: str) -> tuple[Any, Node] | None:
    """Where a member begins, and what it holds."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == name:
                return key.start_mark, value
    if isinstance(node, SequenceNode) and name.isdecimal() and int(name) < len(node.value):
        member = node.value[int(name)]
        return member.start_mark, member
    return None


def _sentence(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"Line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
    return f"{where}{error.problem or error.context or 'this cannot be read'}."
