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
    if isinstance(value, str):
        return value
    if name in FRACTIONS:
        return as_percent(Decimal(value))
    return _plain(Decimal(value))


def as_percent(fraction: Decimal) -> str:
    return f"{_plain(fraction * 100)} %"


LABELS = {
    "allowed_symbols": "Only these symbols",
    "denied_symbols": "Never these symbols",
    "only_when_open": "Only while the exchange is open",
    "minutes_before_reset": "Minutes before the gateway's login ends",
    "max_quote_age_seconds": "Age of the quote, in seconds",
    "max_price_drift": "Distance from the quote",
    "min_reward_to_risk": "Reward to risk, at least",
    "max_daily_loss": "Loss of the day",
    "daily_loss_pulls": "Such a loss pulls the kill switch",
    "max_drawdown": "Fall from the peak",
    "max_orders_per_day": "Orders a day",
    "max_orders_per_minute": "Orders a minute",
    "no_repeat_minutes": "Minutes between the same orders",
    "cooldown_minutes": "Minutes of rest after a loss",
    "max_open_positions": "Instruments held",
    "forbid_short": "No selling short",
    "max_quantity": "Shares in one order",
    "max_order_value": "Worth of one order",
    "max_position_value": "Worth of one instrument",
    "max_share_of_equity": "One instrument, of the equity",
    "max_share_of_three": "Three largest, of the equity",
    "max_gross_exposure": "Gross exposure",
    "max_net_exposure": "Net exposure",
    "max_leverage": "Leverage",
}
"""What people call them; a limit that is missing here goes by its name."""


def label(name: str) -> str:
    return LABELS.get(name) or name.replace("_", " ").capitalize()


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
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
