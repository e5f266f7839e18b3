"""What a person finds of an order that may work still, before they cancel or change it."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import AppError, Conflict, NotFound
from backend.core.logging import get_logger
from backend.portfolio.orders import following, keeping
from backend.portfolio.orders.models import Order
from backend.trading.numbers import plain
from backend.trading.order_state import OrderState
from backend.web import audit

logger = get_logger(__name__)

S = OrderState
_ENDED = {
    S.FILLED: "is filled, so there is nothing left to {verb}. What is held is closed on the"
    " portfolio page.",
    S.CANCELLED: "is cancelled already.",
    S.REFUSED: "was refused by the broker: nothing of it works.",
    S.WITHDRAWN: "was withdrawn before it went out: nothing of it works.",
}
_IN_DOUBT = (S.SENDING, S.UNKNOWN, S.LOST)


class NotWorking(Conflict):
    """The order is over, or is not at the broker as far as anybody knows."""

    code = "order_not_working"


def get(session: Session, order_id: int) -> Order:
    held = keeping.held(session, [order_id])
    if not held:
        raise NotFound(f"There is no order {order_id}.")
    return held[0]


def why_not(order: Order, verb: str) -> str:
    """Why it cannot be cancelled or changed now, in a sentence; empty where it can."""
    if verb == "cancel" and order.state is S.PLANNED:
        return ""
    try:
        number_at_broker(order, verb)
    except NotWorking as error:
        return error.message
    return "Its cancellation is asked for already." if order.state is S.CANCELLING else ""


def number_at_broker(order: Order, verb: str) -> str:
    if order.state in _ENDED:
        raise NotWorking(f"{name_of(order)} {_ENDED[order.state].format(verb=verb)}")
    if order.state in _IN_DOUBT or order.broker_order_id is None:
        raise NotWorking(
            f"What became of {name_of(order)} is being looked up at the broker. As soon as it is"
            f" found you can {verb} it here; in the broker's own app you can at once."
        )
    return order.broker_order_id


def name_of(order: Order) -> str:
    return f"Order {order.id} ({order.side} {plain(order.quantity)} {order.symbol})"


def read_anew(clock: Clock, broker: Broker, account: str) -> None:
    """How the broker lists its orders now; where it cannot be asked, the tracker does so later."""
    try:
        listed = broker.orders(account)
    except AppError as error:
        logger.info("orders_not_read", code=error.code)
        return
    with transaction() as session:
        following.apply(session, clock, account, listed, by="broker")


def note(
    session: Session,
    clock: Clock,
    order: Order,
    actor: str,
    action: str,
    *,
    after: Mapping[Any, Any],
    before: Mapping[Any, Any] | None = None,
) -> None:
    audit.record(
        session,
        clock,
        actor=actor,
        action=action,
        subject=f"order {order.id}: {order.side} {plain(order.quantity)} {order.symbol}",
        before=dict(before) if before else None,
        after=dict(after),
    )
