"""
Which changes of a working order a person may make by hand; pure.

An order was checked against limits for what it was, so an entry may become smaller or better, and
protection must go on covering what is held.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Literal

from backend.core.errors import InvalidInput
from backend.trading.numbers import MAX_PRICE, plain

Term = Literal["quantity", "limit_price", "stop_price", "trail"]

TERMS: dict[str, tuple[Term, ...]] = {
    "MKT": ("quantity",),
    "LMT": ("quantity", "limit_price"),
    "STP": ("quantity", "stop_price"),
    "STOP_LIMIT": ("quantity", "limit_price", "stop_price"),
    "TRAIL": ("quantity", "trail"),
}
NAMES: dict[Term, str] = {
    "quantity": "quantity",
    "limit_price": "limit",
    "stop_price": "stop",
    "trail": "trailing distance",
}
"""Order type -> what of it can be changed."""

Terms = Mapping[Term, Decimal]


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The order as it is, and what is around it. Prices in contract currency."""

    role: str
    side: str
    order_type: str
    terms: Terms
    filled: Decimal
    held: Decimal | None
    """Shares of the trade that are held now; None for an order of no trade."""
    bound: Decimal | None
    """The most that the trade may ever hold; None for an order of no trade."""
    stop: Decimal | None
    """The trade's first stop."""
    last: Decimal | None
    """The market's price; None where it is not known."""
    tick: Decimal
    lot: Decimal


def read(order_type: str, given: Mapping[str, str]) -> dict[Term, Decimal]:
    """
    The terms of this type as somebody typed them; what is left empty stays as it is.

    Raises `InvalidInput` for what is no number, or is a term that this type does not have.
    """
    allowed = TERMS.get(order_type, ("quantity",))
    for name in given:
        if name not in allowed and given[name].strip():
            words = ", ".join(each.replace("_", " ") for each in allowed)
            raise InvalidInput(
                f"{name}: an order of type {order_type} has none. It has: {words}.", field=name
            )
    return {name: _number(name, given[name]) for name in allowed if given.get(name, "").strip()}


def check(order: Standing, wanted: Terms) -> dict[Term, Decimal]:
    """What really changes. Raises `InvalidInput` naming the term that cannot be."""
    changed = {name: new for name, new in wanted.items() if new != order.terms.get(name)}
    if not changed:
        raise InvalidInput("Nothing would change: these are the order's terms now.")
    for name, problem in _problems(order, changed):
        raise InvalidInput(f"{name}: {problem}", field=name)
    return changed


def _problems(order: Standing, changed: Terms) -> Iterator[tuple[Term, str]]:
    """In the order in which a person would mend them."""
    if "quantity" in changed:
        yield from (("quantity", each) for each in _about_quantity(order, changed["quantity"]))
    for name in ("limit_price", "stop_price", "trail"):
        if name in changed:
            yield from ((name, each) for each in _off_tick(order, changed[name]))
    if order.role == "entry":
        yield from _about_entry(order, changed)
    if "stop_price" in changed:
        yield from (("stop_price", each) for each in _about_stop(order, changed["stop_price"]))


def _about_quantity(order: Standing, quantity: Decimal) -> Iterator[str]:
    if quantity % order.lot:
        yield f"it trades in whole lots of {plain(order.lot)}"
    if quantity <= order.filled:
        yield (
            f"{plain(order.filled)} of it are filled already, so {plain(quantity)} would leave"
            " nothing to fill. Cancel the rest instead"
        )
    now = order.terms["quantity"]
    if order.role == "entry" and quantity > now:
        yield (
            f"an entry may become smaller, not larger than {plain(now)}: limits were checked for"
            " that. Start the strategy again for more"
        )
    if order.role == "stop" and order.held is not None and quantity < order.held + order.filled:
        yield f"{plain(order.held)} shares are held, and some would be without a stop"
    if order.role not in ("entry", "flatten") and order.bound is not None:
        most = order.bound + order.filled
        if quantity > most:
            yield f"no more than {plain(most)} can be there to close; more would turn it over"


def _off_tick(order: Standing, price: Decimal) -> Iterator[str]:
    if price % order.tick:
        below = price // order.tick * order.tick
        yield (
            f"{plain(price)} does not lie on the tick of {plain(order.tick)}. The nearest are"
            f" {plain(below)} and {plain(below + order.tick)}"
        )


def _about_entry(order: Standing, changed: Terms) -> Iterator[tuple[Term, str]]:
    is_long = order.side == "BUY"
    for name in ("limit_price", "stop_price"):
        now, new = order.terms.get(name), changed.get(name)
        if now is None or new is None:
            continue
        if new > now if is_long else new < now:
            than = "above" if is_long else "below"
            yield (
                name,
                f"an entry may not {'pay more' if is_long else 'take less'} than {plain(now)}:"
                f" size and risk were reckoned with it, and {plain(new)} lies {than}",
            )
        elif order.stop is not None and (new <= order.stop if is_long else new >= order.stop):
            beyond = "below" if is_long else "above"
            yield name, f"{plain(new)} lies {beyond} the trade's own stop at {plain(order.stop)}"


def _about_stop(order: Standing, price: Decimal) -> Iterator[str]:
    """A stop on the wrong side of the market would fire at once."""
    if order.role == "entry" or order.last is None:
        return
    if price >= order.last if order.side == "SELL" else price <= order.last:
        side = "above" if order.side == "SELL" else "below"
        yield (
            f"{plain(price)} lies {side} the last price of {plain(order.last)}, so that it would"
            " fire at once. To get out now, close the position on the portfolio page"
        )


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        raise InvalidInput(f"{name}: {text.strip()!r} is no number.", field=name) from None
    if not number.is_finite() or not 0 < number < MAX_PRICE:
        raise InvalidInput(f"{name}: write a number above zero.", field=name)
    return number
