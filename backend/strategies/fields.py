"""Every single value that a strategy's document holds, found by walking its model."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

Kind = Literal["text", "whole", "number", "yes", "choice", "words", "other"]


@dataclass(frozen=True, kw_only=True)
class Field:
    """
    One value; `words` are several, separated by commas, and `other` is what has a shape of its
    own, such as the charts and the stop.
    """

    path: str
    kind: Kind
    choices: tuple[str, ...]
    is_optional: bool
    """None is a value: an empty field."""
    default: Any
    meaning: str


def walk(model: type[BaseModel], prefix: str = "") -> Iterator[Field]:
    """The fields of a model and of the models in it, in their order, as dotted paths."""
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from walk(inner, f"{prefix}{name}.")
        else:
            yield _field(f"{prefix}{name}", info)


def _field(path: str, info: FieldInfo) -> Field:
    kinds = [kind for kind in _members(info.annotation) if kind is not NoneType]
    return Field(
        path=path,
        kind=_kind(kinds),
        choices=_choices(kinds),
        is_optional=NoneType in _members(info.annotation),
        default=None if info.is_required() else info.get_default(call_default_factory=True),
        meaning=info.description or "",
    )


def _members(annotation: Any) -> tuple[Any, ...]:
    """The parts of `X | None`, without what is only said about them."""
    if get_origin(annotation) in (Union, UnionType):
        return tuple(part for each in get_args(annotation) for part in _members(each))
    is_annotated = hasattr(annotation, "__metadata__")
    return _members(annotation.__origin__) if is_annotated else (annotation,)


_KINDS: dict[Any, Kind] = {str: "text", int: "whole", float: "number", Decimal: "number"}
_KINDS[bool] = "yes"


def _kind(kinds: list[Any]) -> Kind:
    if len(kinds) != 1:
        return "other"
    if get_origin(kinds[0]) is tuple:
        return "words"
    return "choice" if _choices(kinds) else _KINDS.get(kinds[0], "other")


def _choices(kinds: list[Any]) -> tuple[str, ...]:
    if get_origin(kinds[0]) is Literal:
        return tuple(str(value) for value in get_args(kinds[0]))
    if isinstance(kinds[0], type) and issubclass(kinds[0], Enum):
        return tuple(str(item.value) for item in kinds[0])
    return ()
