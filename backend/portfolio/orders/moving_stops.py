"""Moving a stop that the broker holds, by changing the order: so that one is always there."""

from dataclasses import replace
from decimal import Decimal

from backend.brokers.base import Broker
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.portfolio.orders import exit_orders, following, sending, transitions
from backend.portfolio.orders.models import Order
from backend.trading.numbers import plain
from backend.trading.order_state import LIVE


def move(clock: Clock, broker: Broker, order_id: int, price: Decimal, *, by: str) -> bool:
    """
    Whether the broker shows the stop at the new price now. In any other case the old stop is
    still there, and its record says why; it may be tried again.

    Raises what the broker raises when it is asked for its orders.
    """
    with transaction() as session:
        order = session.get_one(Order, order_id)
        if order.state not in LIVE or order.broker_order_id is None:
            return False
        account, number, old = order.account, order.broker_order_id, order.stop_price
        [as_it_is] = sending.tickets([order])
        ticket = replace(as_it_is, stop_price=price)
        line = exit_orders.line(clock, broker, account, order.round_trip_id, by)
    why_not = sending.change(line, order_id, number, ticket)
    listed = broker.orders(account)
    with transaction() as session:
        following.apply(session, clock, account, listed, by=by)
        order = session.get_one(Order, order_id, with_for_update={"key_share": True})
        is_moved = order.stop_price == price
        if order.state in LIVE:
            told = f"The stop moved from {_price(old)} to {plain(price)}."
            if not is_moved:
                why_not = why_not or "the broker still shows the old price"
                told = f"The stop stays at {_price(old)}: {why_not.rstrip('.')}."
            details = {"stop_price": [_price(old), plain(price)]}
            transitions.step(
                session, clock, order, order.state, by=by, sentence=told, details=details
            )
        return is_moved


def _price(price: Decimal | None) -> str:
    return "-" if price is None else plain(price)
