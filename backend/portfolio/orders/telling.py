"""What people are told when orders move, once each."""

from decimal import Decimal

from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.notifications.events import Event
from backend.notifications.service import tell
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.order_state import OrderState

_EXITS = {
    "stop": "stopped out",
    "trailing": "stopped out by its trailing stop",
    "target": "target reached",
    "time": "its time was over",
    "reversal": "the signal turned round",
    "flatten": "flattened by the kill switch",
    "hand": "closed by hand",
}


def filled(session: Session, clock: Clock, order: Order) -> None:
    """It filled, the whole or what there was before it ended."""
    part = "" if order.filled >= order.quantity else f" of {number(order.quantity)}"
    price = "" if order.average_price is None else f" at {number(order.average_price)}"
    did = "Bought" if order.side == "BUY" else "Sold"
    tell(
        session,
        clock,
        event=Event.FILL,
        key=f"order-{order.id}-filled",
        title=f"{did} {number(order.filled)}{part} {order.symbol}{price}",
        text=_what_for(session, order),
        path=f"/orders/{order.id}",
    )


def refused(session: Session, clock: Clock, order: Order) -> None:
    tell(
        session,
        clock,
        event=Event.REFUSAL,
        key=f"order-{order.id}-refused",
        title=f"The broker refused the {order.role} order of {number(order.quantity)}"
        f" {order.symbol}",
        text=order.reason or "It does not say why.",
        path=f"/orders/{order.id}",
    )


def appeared(session: Session, clock: Clock, order: Order) -> None:
    tell(
        session,
        clock,
        event=Event.ORDER_TROUBLE,
        key=f"order-{order.id}-appeared",
        title=f"An order that was taken for lost is there: {order.role} of {order.symbol}",
        text=f"The broker shows {order.client_order_id} as {order.state} now. Its protection is"
        " looked at; look at it too.",
        path=f"/orders/{order.id}",
    )


def trouble(
    session: Session, clock: Clock, order: Order, *, key: str, title: str, text: str
) -> None:
    """`key` says what of, so that it is told once."""
    tell(
        session,
        clock,
        event=Event.ORDER_TROUBLE,
        key=f"order-{order.id}-{key}",
        title=title,
        text=text,
        path=f"/orders/{order.id}",
    )


def ended(session: Session, clock: Clock, order: Order) -> None:
    """Told as soon as its price is known too; fills may come behind the news of them."""
    is_over = order.state in (OrderState.FILLED, OrderState.CANCELLED)
    if is_over and order.filled > 0 and order.average_price is not None:
        filled(session, clock, order)


def moved(session: Session, clock: Clock, order: Order, before: OrderState) -> None:
    """Whatever of this step is worth a person's attention."""
    if before is OrderState.LOST:
        appeared(session, clock, order)
    if order.state is OrderState.REFUSED and before is not OrderState.SENDING:
        refused(session, clock, order)


def _what_for(session: Session, order: Order) -> str:
    trip = session.get(RoundTrip, order.round_trip_id) if order.round_trip_id else None
    if trip is None:
        return "It belongs to no strategy's trade."
    if order.role is Role.ENTRY:
        return f"{trip.strategy_name} opened it: {trip.entry_reason}"
    if trip.closed_at is None or trip.gross_pnl is None:
        return f"{trip.strategy_name} holds {number(trip.entered - trip.left)} of it still."
    why = _EXITS.get(trip.exit_reason or "", "closed")
    net = trip.gross_pnl - trip.commission
    return (
        f"{trip.strategy_name} closed it, {why}: {net:+,.2f} {trip.currency} after"
        f" {trip.commission:,.2f} {trip.currency} of commission so far."
    )


def number(value: Decimal) -> str:
    """Without the noughts behind that the database adds."""
    return f"{value.normalize():,f}"
