"""What an account holds, measured for limits; pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from backend.brokers.base import AccountSnapshot, Position, WorkingOrder
from backend.trading.risk import Book


@dataclass(kw_only=True)
class _Instrument:
    """Worth of what is held (negative when short) and of what working orders would add."""

    held: Decimal = Decimal(0)
    buys: Decimal = Decimal(0)
    sells: Decimal = Decimal(0)

    @property
    def worst(self) -> Decimal:
        return max(self.held + self.buys, self.sells - self.held, abs(self.held))


def book(snapshot: AccountSnapshot, *, without: int | None = None) -> Book | None:
    """
    All instruments but the conid `without`; None when the worth of one is not known.

    That is so for a position in another currency, and for an order at any price on an instrument
    that is not held.
    """
    by_conid: dict[int, _Instrument] = {}
    prices = {position.conid: position.market_price for position in snapshot.positions}
    for position in snapshot.positions:
        if position.conid != without:
            if position.currency not in ("", snapshot.currency):
                return None
            by_conid.setdefault(position.conid, _Instrument()).held += position.market_value
    for order in snapshot.working_orders:
        if order.conid != without:
            price = order.limit_price or order.stop_price or prices.get(order.conid)
            if price is None:
                return None
            instrument = by_conid.setdefault(order.conid, _Instrument())
            _add(instrument, order, price)
    return _book(by_conid.values())


def _book(instruments: Iterable[_Instrument]) -> Book:
    each = list(instruments)
    return Book(
        others=tuple(sorted((one.worst for one in each), reverse=True)),
        net_long=sum((one.held + one.buys for one in each), Decimal(0)),
        net_short=sum((one.sells - one.held for one in each), Decimal(0)),
    )


def _add(instrument: _Instrument, order: WorkingOrder, price: Decimal) -> None:
    worth = remaining(order) * price
    if order.side.upper().startswith("B"):
        instrument.buys += worth
    else:
        instrument.sells += worth


def remaining(order: WorkingOrder) -> Decimal:
    return max(order.quantity - order.filled, Decimal(0))


def working(orders: Iterable[WorkingOrder], conid: int) -> tuple[Decimal, Decimal]:
    """Shares of this instrument that orders at the broker would still buy, and sell."""
    bought, sold = Decimal(0), Decimal(0)
    for order in orders:
        if order.conid == conid:
            if order.side.upper().startswith("B"):
                bought += remaining(order)
            else:
                sold += remaining(order)
    return bought, sold


def held(positions: Iterable[Position], conid: int) -> Decimal:
    """Shares of this instrument; negative when short."""
    return sum((each.quantity for each in positions if each.conid == conid), Decimal(0))
