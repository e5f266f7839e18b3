"""The one place where an order of ours changes its state; every step is kept."""

from typing import Any

from sqlalchemy.orm import Session

from backend.core import events
from backend.core.clock import Clock
from backend.core.database import after_commit
from backend.portfolio.orders.models import Order, OrderTransition
from backend.trading.order_state import FINAL, LIVE, OrderState, require

SUBJECT = "orders"
"""What live pages watch to learn that some order has moved."""


def step(
    session: Session,
    clock: Clock,
    order: Order,
    after: OrderState,
    *,
    by: str,
    sentence: str,
    details: dict[str, Any] | None = None,
) -> None:
    """
    Take an order to another state, or note new terms where it stands still.

    `details` is what was seen or changed. Raises `IllegalTransition` for a step that no order
    takes.
    """
    require(order.state, after)
    now = clock.now()
    session.add(
        OrderTransition(
            order_id=order.id,
            at=now,
            before=order.state,
            after=after,
            by=by,
            sentence=sentence,
            details=details or {},
        )
    )
    order.state = after
    order.updated_at = now
    if after in LIVE | FINAL and order.acknowledged_at is None and order.broker_order_id:
        order.acknowledged_at = now
    if after in FINAL:
        order.done_at = now
    elif after in LIVE:
        order.done_at = None
    if not session.info.get(SUBJECT):
        # Once for all that one transaction moves.
        session.info[SUBJECT] = True
        after_commit(session, lambda: events.publish(SUBJECT))
