"""Our books of one instrument, as a decision asks for them."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.portfolio.books import drift
from backend.portfolio.books.models import AccountBooks
from backend.portfolio.orders.models import Order, RoundTrip
from backend.trading.own_books import OwnBooks, OwnDrift, OwnOrder, OwnTrade


def own_books(session: Session, *, account: str, strategy_id: int, conid: int) -> OwnBooks:
    books = session.get(AccountBooks, account)
    query = select(RoundTrip).where(
        RoundTrip.account == account,
        RoundTrip.strategy_id == strategy_id,
        RoundTrip.conid == conid,
        RoundTrip.closed_at.is_(None),
    )
    trips = session.scalars(query.order_by(RoundTrip.id)).all()
    return OwnBooks(
        trades=tuple(_trade(trip, _orders(session, trip)) for trip in trips),
        drifts=tuple(
            OwnDrift(
                symbol=row.symbol,
                conid=row.conid,
                ours=row.ours,
                brokers=row.brokers,
                seen_at=row.seen_at,
                sentence=drift.sentence(row),
            )
            for row in drift.blocking(session, account)
        ),
        read_at=books and books.read_at,
    )


def _orders(session: Session, trip: RoundTrip) -> Sequence[Order]:
    query = select(Order).where(Order.round_trip_id == trip.id, Order.done_at.is_(None))
    return session.scalars(query.order_by(Order.id)).all()


def _trade(trip: RoundTrip, orders: Sequence[Order]) -> OwnTrade:
    return OwnTrade(
        round_trip_id=trip.id,
        side=trip.side,
        planned=trip.quantity,
        held=trip.entered - trip.left,
        entry_price=trip.entry_price,
        decision_price=trip.decision_price,
        first_stop=trip.stop,
        best_price=trip.best_price,
        worst_price=trip.worst_price,
        planned_at=trip.planned_at,
        opened_at=trip.opened_at,
        entry_reason=trip.entry_reason,
        orders=tuple(
            OwnOrder(
                role=order.role.value,
                side=order.side,
                order_type=order.order_type,
                quantity=order.quantity,
                filled=order.filled,
                limit_price=order.limit_price,
                stop_price=order.stop_price,
                state=order.state.value,
            )
            for order in orders
        ),
    )
