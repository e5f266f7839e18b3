"""Decimals of the trading settings, and prices on the tick."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Context, Decimal, localcontext
from math import isfinite
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MIN_PRICE, MAX_PRICE = Decimal(10) ** -12, Decimal(10) ** 12
"""Nothing costs less or more; such a number is a slip, and would overflow the arithmetic."""


def _no_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("Write a number, not true or false")
    return value


Number = Annotated[Decimal, BeforeValidator(_no_boolean), Field(max_digits=20)]
"""A Decimal in settings; NaN and infinities are refused by pydantic, true and false by us."""


class Settings(BaseModel):
    """Base of what a user writes: an unknown field is an error, not a silent default."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def exact(value: float) -> Decimal | None:
    """The decimal that a float prints as; None for NaN and infinities."""
    return Decimal(repr(float(value))) if isfinite(value) else None


def plain(number: Decimal) -> str:
    """As a person writes it: without the zeros that a database or a sum leaves behind."""
    return f"{number.normalize():f}"


def is_price(value: Decimal) -> bool:
    return value.is_finite() and MIN_PRICE <= value <= MAX_PRICE


@contextmanager
def exactly() -> Iterator[None]:
    """Decimal arithmetic without rounding, for any numbers that settings and accounts can hold."""
    with localcontext(Context(prec=80)):
        yield


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """The largest multiple of the step at or below a value of zero or more."""
    with exactly():
        return value // step * step


def ceil_to(value: Decimal, step: Decimal) -> Decimal:
    """The smallest multiple of the step at or above a value of zero or more."""
    below = floor_to(value, step)
    return below if below == value else below + step
