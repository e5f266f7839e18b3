"""What differs between two versions of a definition, field by field and line by line."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from backend.strategies import form, yaml_text
from backend.strategies.definition import StrategyDefinition


@dataclass(frozen=True, kw_only=True)
class Change:
    """`before` or `after` is None where the field is not there."""

    path: str
    before: Any
    after: Any


def changed_fields(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Between two stored documents; a list of plain values is one field."""
    one, other = (_readable(document) for document in (before, after))
    return list(_changes("", one, other))


def as_yaml(stored: dict[str, Any]) -> str:
    """A stored document as people read it."""
    return yaml_text.write(_readable(stored))


def _readable(stored: dict[str, Any]) -> dict[str, Any]:
    return form.document_of(StrategyDefinition.stored(stored))


def _changes(path: str, before: Any, after: Any) -> Iterator[Change]:
    if before == after:
        return
    for kind in (dict, list):
        if isinstance(before, kind) and isinstance(after, kind) and _has_parts(before, after):
            one, other = _parts(before), _parts(after)
            for name in [*one, *(name for name in other if name not in one)]:
                inner = f"{path}.{name}" if path else name
                yield from _changes(inner, one.get(name), other.get(name))
            return
    yield Change(path=path, before=before, after=after)


def _has_parts(before: Any, after: Any) -> bool:
    values = [*_parts(before).values(), *_parts(after).values()]
    return isinstance(before, dict) or any(isinstance(value, dict) for value in values)


def _parts(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {str(position): part for position, part in enumerate(value)}
