"""All that is known of one order, for its page and its API."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.portfolio.books.models import Fill
from backend.portfolio.orders import listing
from backend.portfolio.orders.listing import Listed
from backend.portfolio.orders.models import Order, OrderQuestion, OrderTransition, RoundTrip


@dataclass(frozen=True, kw_only=True)
class OrderStory:
    listed: Listed
    transitions: Sequence[OrderTransition]
    """The oldest first."""
    questions: Sequence[OrderQuestion]
    """What the broker asked about it, or about the request that it went out with."""
    fills: Sequence[Fill]
    siblings: Sequence[Listed]
    """All orders of its round trip, itself among them."""

    @property
    def order(self) -> Order:
        return self.listed.order

    @property
    def trip(self) -> RoundTrip | None:
        return self.listed.trip

    @property
    def answered_after(self) -> timedelta | None:
        """From our request to the broker's acknowledgement."""
        order = self.order
        if order.sent_at is None or order.acknowledged_at is None:
            return None
        return order.acknowledged_at - order.sent_at

    @property
    def slippage_in_all(self) -> Decimal | None:
        cost = self.listed.slippage
        return None if cost is None else cost * self.order.filled


def read(session: Session, order_id: int) -> OrderStory:
    """Raises `NotFound`."""
    listed = listing.get(session, order_id)
    order = listed.order
    # A question is kept with the first order of the request: that of the entry, for its legs.
    asked = [order.id, *([order.parent_id] if order.parent_id else [])]
    return OrderStory(
        listed=listed,
        transitions=session.scalars(
            select(OrderTransition)
            .where(OrderTransition.order_id == order.id)
            .order_by(OrderTransition.id)
        ).all(),
        questions=session.scalars(
            select(OrderQuestion)
            .where(OrderQuestion.order_id.in_(asked))
            .order_by(OrderQuestion.id)
        ).all(),
        fills=session.scalars(
            select(Fill).where(Fill.order_id == order.id).order_by(Fill.at, Fill.id)
        ).all(),
        siblings=listing.of_round_trip(session, listed.trip) if listed.trip else [listed],
    )
