"""
The gateway's numbers, which come as numbers, text or nothing.

Source: Client Portal API field notes, market data fields. Text carries thousands separators
("1,300.10"), a suffix ("45.2M", "12%") and, for prices, a mark in front: C for the prior close
("C101.2"), H while trading is halted ("H101.2").
"""

import json
import re
from decimal import Decimal
from typing import Any

from backend.core.errors import TemporaryError

_SHAPE = re.compile(
    r"[CH]?\s*(?P<sign>[+-]?)\s*(?P<digits>\d{1,3}(?:,\d{3})+|\d+|(?=\.\d))(?P<fraction>\.\d*)?"
    r"(?:[eE](?P<exponent>[+-]?\d{1,3}))?\s*(?P<suffix>[KMBT%]?)",
    re.ASCII,
)
_SCALES = {"": 0, "K": 3, "M": 6, "B": 9, "T": 12, "%": -2}


def parse_json(text: str) -> Any:
    """
    JSON with Decimals where it has fractions, so that no price passes through a float.

    Raises `ValueError` for anything else, NaN and infinities included.
    """
    return json.loads(text, parse_float=Decimal, parse_constant=_refuse_constant)


def parse_number(value: object, name: str = "number") -> Decimal | None:
    """
    A number in full units; percentages become fractions, marks are dropped.

    None where the gateway says nothing: `None`, empty text, a mark alone. Raises `TemporaryError`
    (`bad_answer`) for anything that is no number, with `name` to say which.
    """
    if value is None:
        return None
    if isinstance(value, int | Decimal | float) and not isinstance(value, bool):
        return _finite(Decimal(str(value)), name)
    if not isinstance(value, str):
        raise _no_number(value, name)
    text = value.strip()
    if text in ("", "C", "H"):
        return None
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise _no_number(value, name)
    digits = (match["digits"] or "0").replace(",", "")
    exponent = int(match["exponent"] or 0) + _SCALES[match["suffix"]]
    # One exact conversion: arithmetic on Decimals would round to the context's precision.
    return Decimal(f"{match['sign']}{digits}{match['fraction'] or ''}E{exponent}")


def required_number(value: object, name: str) -> Decimal:
    """As `parse_number`, for what the gateway must know."""
    number = parse_number(value, name)
    if number is None:
        raise TemporaryError(f"The gateway left out {name}.", code="bad_answer")
    return number


def required_integer(value: object, name: str) -> int:
    """A conid or a moment, which come as numbers and as text."""
    number = required_number(value, name)
    if number != number.to_integral_value():
        raise _no_number(value, name)
    return int(number)


def is_halted(price: object) -> bool:
    """Whether a price's text says that trading is halted."""
    return isinstance(price, str) and price.strip().startswith("H")


def _finite(number: Decimal, name: str) -> Decimal:
    if not number.is_finite():
        raise _no_number(number, name)
    return number


def _no_number(value: object, name: str) -> TemporaryError:
    return TemporaryError(
        f"The gateway sent {str(value)[:60]!r} for {name}, which is no number.", code="bad_answer"
    )


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON.")
