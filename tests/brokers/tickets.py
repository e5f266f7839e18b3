"""Orders of Apple, as the desk would send them."""

from decimal import Decimal
from typing import Any

from backend.brokers.orders import Ticket

AAPL = 265598


def ticket(name: str = "gb-1-entry", **changes: Any) -> Ticket:
    """Ten at the market for the day, unless told otherwise."""
    usual: dict[str, Any] = {
        "client_order_id": name,
        "conid": AAPL,
        "side": "BUY",
        "order_type": "MKT",
        "quantity": Decimal(10),
        "tif": "DAY",
    }
    return Ticket(**{**usual, **changes})


def limit(price: Decimal | str | int, name: str = "gb-1-entry", **changes: Any) -> Ticket:
    return ticket(name, order_type="LMT", limit_price=Decimal(price), **changes)


def bracket(price: Decimal | int, name: str = "gb-1") -> tuple[Ticket, Ticket, Ticket]:
    """A limit at `price`, with a stop a tenth below and a target a tenth above it."""
    leg: dict[str, Any] = {"side": "SELL", "tif": "GTC", "parent": f"{name}-entry"}
    stop, target = (Decimal(int(price * factor)) for factor in (Decimal("0.9"), Decimal("1.1")))
    return (
        limit(price, f"{name}-entry"),
        ticket(f"{name}-stop", order_type="STP", stop_price=stop, **leg),
        limit(target, f"{name}-t1", **leg),
    )
