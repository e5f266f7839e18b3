"""A trade as its execution keeps it: orders, the broker's questions, fills."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.portfolio.books import fills as book
from backend.portfolio.books.models import Fill
from backend.portfolio.orders.models import Order, OrderQuestion, RoundTrip
from backend.workflow.placing import AskedByBroker, FilledPart, PlacedOrder, Placement

_FIELDS = tuple(PlacedOrder.model_fields)


def placement(session: Session, trip: RoundTrip) -> Placement:
    query = select(Order).where(Order.round_trip_id == trip.id).order_by(Order.id)
    orders = session.scalars(query, execution_options={"populate_existing": True}).all()
    names = {order.id: order.client_order_id for order in orders}
    known = book.of_orders(session, names)
    return Placement(
        round_trip_id=trip.id,
        orders=tuple(_placed(order) for order in orders),
        questions=tuple(_asked(session, names)),
        fills=tuple(_part(fill, names) for fills in known.values() for fill in fills),
        troubles=tuple(trip.document.get("troubles") or ()),
    )


def _placed(order: Order) -> PlacedOrder:
    return PlacedOrder.model_validate({name: getattr(order, name) for name in _FIELDS})


def _asked(session: Session, names: dict[int, str]) -> list[AskedByBroker]:
    query = select(OrderQuestion).where(OrderQuestion.order_id.in_(names))
    return [
        AskedByBroker(
            client_order_id=names[each.order_id],
            message_ids=tuple(each.message_ids),
            text=each.text,
            answer=each.answer,
            answered_by=each.answered_by,
        )
        for each in session.scalars(query.order_by(OrderQuestion.id))
    ]


def _part(fill: Fill, names: dict[int, str]) -> FilledPart:
    return FilledPart(
        client_order_id=names[fill.order_id or 0],
        quantity=fill.quantity,
        price=fill.price,
        commission=fill.commission,
        at=fill.at,
    )
