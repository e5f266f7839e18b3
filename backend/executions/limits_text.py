"""Limits as the texts of a form or of a command line, and back."""

import re
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from typing import Any

from backend.strategies.fields import Field, walk
from backend.trading.limits import Limits

_OFF = ("", "no", "off", "false")


@cache
def fields() -> Mapping[str, Field]:
    """Every limit by its name, in the order in which they are asked."""
    return {each.path: each for each in walk(Limits)}


def to_texts(limits: Limits) -> dict[str, str]:
    """Empty for what is not set."""
    return {name: _text(getattr(limits, name)) for name in fields()}


def to_document(texts: Mapping[str, str]) -> dict[str, Any]:
    """
    What the texts say, right or wrong: `limits.checked` judges it. An empty one sets nothing; a
    name that no limit has stays, for the check to name.
    """
    document: dict[str, Any] = {}
    for name, text in texts.items():
        value = _value(fields().get(name), text.strip())
        if value is not None:
            document[name] = value
    return document


def shown(name: str, value: Any) -> str:
    """A limit's value as a person reads it."""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, bool):
        return "yes"
    if name in FRACTIONS:
        return f"{_plain(Decimal(value) * 100)} %"
    return f"{Decimal(value):,f}" if isinstance(value, Decimal) else f"{value:,}"


FRACTIONS = frozenset(
    {"max_price_drift", "max_drawdown", "max_share_of_equity", "max_share_of_three"}
)
"""Limits that are parts of a whole."""


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, tuple):
        return ", ".join(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def _value(field: Field | None, text: str) -> Any:
    if field is not None and field.kind == "yes":
        return None if text.lower() in _OFF else _yes(text)
    if not text:
        return None
    if field is not None and field.kind == "words":
        return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]
    if field is not None and field.kind == "whole" and re.fullmatch(r"[+-]?[0-9]{1,20}", text):
        return int(text)
    return text


def _yes(text: str) -> Any:
    """True where that is what is written; anything else is for the check to refuse."""
    return True if text.lower() in ("yes", "on", "true") else text


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
