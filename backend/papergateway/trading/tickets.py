"""A client's JSON ticket, read into terms; prices become ticks of a cent."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, TypeVar

from backend.papergateway import numbers
from backend.papergateway.trading.orders import WHOLE_PPM, Kind, Side, Terms, Tif

Word = TypeVar("Word", bound=StrEnum)
TICKS_PER_UNIT = 100
_MOST = Decimal("1e9")


class Malformed(Exception):
    """The ticket cannot be read at all: answered with 400."""


class Invalid(Exception):
    """A word in it means nothing: answered with 500."""


class Refused(Exception):
    """A well-formed order that IBKR does not take: answered with 200 and its text."""


@dataclass(kw_only=True)
class Ticket:
    """
    Terms, and what only matters while they are submitted.

    `off_tick` names a price that lies between two ticks; `cash` is an amount of money to spend.
    """

    terms: Terms
    parent: str | None = None
    is_single_group: bool = False
    is_deactivated: bool = False
    account: str | None = None
    off_tick: str | None = None
    cash: Decimal | None = None


def read(body: Mapping[str, Any]) -> Ticket:
    """Raises `Malformed`, `Invalid` or `Refused`."""
    terms = Terms(
        conid=_conid(body),
        side=_word(body, "side", Side),
        kind=_word(body, "orderType", Kind),
        tif=_word(body, "tif", Tif),
        quantity=0,
        outside_rth=is_set(body, "outsideRTH"),
        client_id=_text(body, "cOID"),
    )
    off_tick = _read_prices(terms, body)
    cash = _read_size(terms, body)
    return Ticket(
        terms=terms,
        parent=_text(body, "parentId"),
        is_single_group=is_set(body, "isSingleGroup"),
        is_deactivated=is_set(body, "deactivated"),
        account=_text(body, "acctId"),
        off_tick=off_tick,
        cash=cash,
    )


def _read_size(terms: Terms, body: Mapping[str, Any]) -> Decimal | None:
    """Shares, or an amount of cash that is still to become shares."""
    cash = _decimal(body, "cashQty")
    if _decimal(body, "fxQty") is not None:
        raise Refused("Currency conversion is not available for this contract.")
    if (cash is None) == (body.get("quantity") is None):
        raise Malformed("exactly one of quantity and cashQty is required")
    if cash is None:
        terms.quantity = _quantity(body)
    elif cash <= 0:
        raise Refused("The cash quantity must be greater than zero.")
    return cash


def _conid(body: Mapping[str, Any]) -> int:
    written = body.get("conid")
    conid = numbers.conid(body.get("conidex") if written is None else written)
    if conid is None:
        raise Malformed("conid or conidex is required")
    return conid


def _word(body: Mapping[str, Any], name: str, kind: type[Word]) -> Word:
    written = body.get(name)
    if not isinstance(written, str) or not written:
        raise Malformed(f"{name} is required")
    try:
        return kind(written.strip().upper())
    except ValueError:
        raise Invalid(f"Invalid {name}: {written}") from None


def _text(body: Mapping[str, Any], name: str) -> str | None:
    written = body.get(name)
    return None if written in (None, "") else str(written)


def is_set(body: Mapping[str, Any], name: str) -> bool:
    return str(body.get(name, "")).strip().lower() == "true"


def _decimal(body: Mapping[str, Any], name: str) -> Decimal | None:
    written = body.get(name)
    if written in (None, ""):
        return None
    try:
        value = Decimal(str(written))
    except InvalidOperation:
        raise Malformed(f"{name} must be a number") from None
    if isinstance(written, bool) or not value.is_finite() or abs(value) > _MOST:
        raise Malformed(f"{name} must be a number")
    return value


def _quantity(body: Mapping[str, Any]) -> int:
    quantity = _decimal(body, "quantity") or Decimal(0)
    if quantity <= 0:
        raise Refused("The order size must be greater than zero.")
    if quantity != quantity.to_integral_value():
        raise Refused("This contract cannot be traded in fractions of a share.")
    return int(quantity)


def _read_prices(terms: Terms, body: Mapping[str, Any]) -> str | None:
    """
    Which of `price` and `auxPrice` is the limit and which the trigger depends on the type.

    Gives the name of a price that is no whole tick, if any.
    """
    price, auxiliary = _decimal(body, "price"), _decimal(body, "auxPrice")
    kind = terms.kind
    limit = price if kind.has_limit or kind is Kind.MIDPRICE else None
    trigger = price if kind in (Kind.STP, Kind.TRAIL) else auxiliary
    if trigger is None and kind is Kind.STP:
        # ibind's examples show a stop's trigger in auxPrice.
        trigger = auxiliary
    trigger = trigger if kind.has_trigger else None
    for value, is_needed in ((limit, kind.has_limit), (trigger, kind.has_trigger)):
        if value is None and is_needed and kind is not Kind.TRAIL:
            raise Refused(f"A price is missing: {kind} needs {_NEEDS[kind]}.")
        if value is not None and value <= 0:
            raise Refused("Prices must be greater than zero.")
    terms.limit, terms.stop = _ticks(limit), _ticks(trigger)
    if kind.trails:
        _read_trail(terms, body)
    named = {"price": price, "auxPrice": auxiliary}
    return next((name for name, value in named.items() if _is_between_ticks(value)), None)


_NEEDS = {
    Kind.LMT: "price",
    Kind.STP: "price, its trigger",
    Kind.STOP_LIMIT: "price, its limit, and auxPrice, its trigger",
    Kind.TRAILLMT: "price, its limit, and auxPrice, its trigger",
}


def _read_trail(terms: Terms, body: Mapping[str, Any]) -> None:
    amount, kind = _decimal(body, "trailingAmt"), _text(body, "trailingType")
    if amount is None or kind not in ("amt", "%"):
        raise Refused("A trailing order needs trailingAmt and trailingType, amt or %.")
    if amount <= 0 or (kind == "%" and amount >= 100):
        raise Refused("The trailing amount is out of range.")
    if kind == "%":
        terms.trail_ppm = int(amount * WHOLE_PPM / 100)
    else:
        terms.trail_ticks = max(1, int(amount * TICKS_PER_UNIT))


def _ticks(price: Decimal | None) -> int | None:
    return None if price is None else int(price * TICKS_PER_UNIT)


def _is_between_ticks(price: Decimal | None) -> bool:
    return price is not None and price * TICKS_PER_UNIT != int(price * TICKS_PER_UNIT)
