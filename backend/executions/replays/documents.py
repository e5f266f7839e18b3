"""JSON documents: what stands at a dotted path, and where two of them differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backend.core.errors import InvalidInput, did_you_mean
from backend.core.hashing import canonical_json


class Missing:
    """Stands where a document has nothing, since null is a value."""

    def __repr__(self) -> str:
        return "missing"


MISSING: Final = Missing()

_NAMES = ("timeframe", "label", "rule", "name", "code", "conid")
"""What tells the items of a list apart, so that they are compared with their like."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """`before` or `after` is `MISSING` where only the other document has something."""

    path: tuple[str, ...]
    before: Any
    after: Any

    @property
    def dotted(self) -> str:
        return ".".join(self.path)


def differences(before: Any, after: Any, path: tuple[str, ...] = ()) -> Iterator[Difference]:
    """Every place where two documents differ, as deep as they can be told apart."""
    if canonical_json(before) == canonical_json(after):
        return
    if isinstance(before, dict) and isinstance(after, dict):
        yield from _of_objects(before, after, path)
    elif _holds_objects(before) and _holds_objects(after):
        yield from _of_lists(before, after, path)
    else:
        yield Difference(path=path, before=before, after=after)


def _of_objects(
    before: dict[str, Any], after: dict[str, Any], path: tuple[str, ...]
) -> Iterator[Difference]:
    for key in dict.fromkeys([*before, *after]):
        inner = (*path, key)
        if key in before and key in after:
            yield from differences(before[key], after[key], inner)
        else:
            yield Difference(
                path=inner, before=before.get(key, MISSING), after=after.get(key, MISSING)
            )


def _of_lists(before: list[Any], after: list[Any], path: tuple[str, ...]) -> Iterator[Difference]:
    name = next((each for each in _NAMES if _names_all(each, before, after)), None)
    one, other = _keyed(before, name), _keyed(after, name)
    yield from _of_objects(one, other, path)
    if list(one) != list(other) and set(one) == set(other):
        yield Difference(path=(*path, "order"), before=list(one), after=list(other))


def _holds_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def _names_all(name: str, *lists: list[Any]) -> bool:
    """Whether every item has this name, and no two items of a list the same."""
    return all(
        all(isinstance(item.get(name), str | int) for item in items)
        and len({item[name] for item in items}) == len(items)
        for items in lists
    )


def _keyed(items: list[Any], name: str | None) -> dict[str, Any]:
    return {str(item[name] if name else place): item for place, item in enumerate(items)}


def put(document: dict[str, Any], path: str, value: Any) -> None:
    """
    Change what stands at a dotted path, such as `charts.0.indicators`.

    Raises `InvalidInput`, with the nearest name, for a place that the document does not have.
    """
    *parents, last = path.split(".")
    place: Any = document
    for parent in parents:
        place = place[_key(place, parent, path)]
    place[_key(place, last, path)] = value


def value_of(document: dict[str, Any], path: str, text: str) -> Any:
    """
    What a person means who writes `text` for the value at a path: text where text stands there, a
    list also with commas alone, JSON otherwise.
    """
    present = at(document, path)
    if isinstance(present, str):
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        parts = [part.strip() for part in text.strip().strip("[]").split(",")]
        return [part for part in parts if part] if isinstance(present, list) else text


def at(document: dict[str, Any], path: str) -> Any:
    """What stands at a dotted path; raises as `put`."""
    place: Any = document
    for part in path.split("."):
        place = place[_key(place, part, path)]
    return place


def _key(place: Any, part: str, path: str) -> str | int:
    if isinstance(place, dict) and part in place:
        return part
    if isinstance(place, list) and part.isdecimal() and int(part) < len(place):
        return int(part)
    known = list(place) if isinstance(place, dict) else []
    if isinstance(place, list):
        known = [str(number) for number in range(len(place))]
    names = f" Known there: {', '.join(known)}." if known else " Nothing lies deeper there."
    raise InvalidInput(
        f"{path}: there is no {part!r}.{did_you_mean(part, known)}{names}", field=path
    )
