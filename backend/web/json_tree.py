"""A JSON document as nested HTML to unfold, search and copy from: made here, Jinja is too slow."""

import html
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

OPEN_DEPTH = 2
OPEN_LENGTH = 20
"""Deeper branches and longer lists start folded."""


def json_tree(value: Any, title: str = "JSON") -> Markup:
    """Each row carries its path, such as `signal.targets[0]`, in `data-json-path`."""
    pieces: list[str] = []
    _add(pieces, title, value, "", 0)
    return Markup("".join(pieces))


def _add(pieces: list[str], key: Any, value: Any, path: str, depth: int) -> None:
    name, where = html.escape(str(key)), html.escape(path)
    if not isinstance(value, dict | list | tuple):
        pieces.append(
            f'<div class="json-row" data-json-path="{where}" title="{where}">'
            f'<span class="json-key">{name}</span>: {_leaf(value)}</div>'
        )
        return
    is_open = " open" if depth < OPEN_DEPTH and len(value) <= OPEN_LENGTH else ""
    size = f"{{{len(value)}}}" if isinstance(value, dict) else f"[{len(value)}]"
    pieces.append(
        f'<details{is_open} data-json-path="{where}"><summary title="{where}">'
        f'<span class="json-key">{name}</span> <span class="text-quiet">{size}</span></summary>'
    )
    for inner, item, inner_path in _items(value, path):
        _add(pieces, inner, item, inner_path, depth + 1)
    pieces.append("</details>")


def _items(value: Any, path: str) -> Iterable[tuple[Any, Any, str]]:
    if isinstance(value, dict):
        return ((key, item, f"{path}.{key}" if path else str(key)) for key, item in value.items())
    return ((index, item, f"{path}[{index}]") for index, item in enumerate(value))


def _leaf(value: Any) -> str:
    if value is None:
        return '<span class="json-word">null</span>'
    if isinstance(value, bool):
        return f'<span class="json-word">{str(value).lower()}</span>'
    if isinstance(value, int | float):
        return f'<span class="json-number">{value}</span>'
    return f'<span class="json-text">"{html.escape(str(value))}"</span>'
