"""The one order of a closing that takes the shares out: kept, sent, and followed to its end."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.portfolio.orders import closings, keeping, sending, transitions
from backend.portfolio.orders.guarding import ANSWERED_YES
from backend.portfolio.orders.models import (
    Closing,
    ClosingState,
    Order,
    OrderTransition,
    Role,
    RoundTrip,
)
from backend.portfolio.orders.sending import Line
from backend.trading.numbers import plain
from backend.trading.order_state import LIVE, OPEN, OrderState

_NO_PRICE = Decimal(0)

SETTLING = timedelta(seconds=15)
"""So long an order that went out without an answer is looked for before it is sent once more,
under the same client order id: the broker refuses it where it knows it."""


def keep(clock: Clock, closing_id: int, quantity: Decimal) -> None:
    """
    Commit the exit order before it goes out: `quantity` shares that are held, negative for short.

    Nothing happens where there is one already, or where an order appeared that may still fill.
    """
    with transaction() as session:
        held = select(Closing).where(Closing.id == closing_id).with_for_update()
        closing = session.scalars(held, execution_options={"populate_existing": True}).one()
        if closing.order_id is not None or _has_open_orders(session, closing):
            return
        trip = closing.round_trip_id and session.get(RoundTrip, closing.round_trip_id)
        order = _exit(clock, closing, trip or None, quantity, keeping.prefix(session))
        session.add(order)
        session.flush()
        _begin(session, clock, order, closing.asked_by, f"It closes the position: {_why(closing)}.")
        closing.order_id = order.id
        if trip:
            trip.exit_reason = closing.reason
        told = f"{_in_words(order)} is about to go out."
        closings.tell(session, clock, closing, ClosingState.SENT, told)


def _has_open_orders(session: Session, closing: Closing) -> bool:
    if closing.round_trip_id is None:
        return False
    query = select(Order.id).where(
        Order.round_trip_id == closing.round_trip_id, Order.state.in_(OPEN)
    )
    return session.scalar(query.limit(1)) is not None


def _exit(
    clock: Clock, closing: Closing, trip: RoundTrip | None, quantity: Decimal, prefix: str
) -> Order:
    return _order(
        clock,
        closing,
        trip,
        client_order_id=f"{prefix}-c{closing.id}-exit",
        role=Role.FLATTEN if closing.reason == "flatten" else Role.EXIT,
        side="SELL" if quantity > 0 else "BUY",
        order_type="MKT",
        quantity=abs(quantity),
        tif="DAY",
    )


def _order(clock: Clock, closing: Closing, trip: RoundTrip | None, **terms: object) -> Order:
    now = clock.now()
    return Order(
        account=closing.account,
        conid=closing.conid,
        symbol=closing.symbol,
        round_trip_id=closing.round_trip_id,
        strategy_id=trip and trip.strategy_id,
        state=OrderState.PLANNED,
        created_at=now,
        created_by=closing.asked_by,
        updated_at=now,
        **terms,
    )


def _begin(session: Session, clock: Clock, order: Order, by: str, sentence: str) -> None:
    session.add(
        OrderTransition(
            order_id=order.id,
            at=clock.now(),
            before=None,
            after=order.state,
            by=by,
            sentence=sentence,
            details={},
        )
    )


def _why(closing: Closing) -> str:
    return _REASONS.get(closing.reason, closing.reason)


_REASONS = {
    "time": "its time is up",
    "reversal": "the signal turned",
    "flatten": "the kill switch flattens",
    "hand": "a person wants it closed",
}


def _in_words(order: Order) -> str:
    return f"{order.side} {plain(order.quantity)} {order.symbol} {order.order_type}"


def follow(clock: Clock, broker: Broker, closing_id: int) -> ClosingState:
    """
    See what became of the exit order, after the broker's lists were read, and go on from there:
    one that never went out goes out now, one whose fate is unknown is looked for first.
    """
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        if closing.order_id is None:
            # An order appeared that may still fill: it is cancelled first.
            return ClosingState.CANCELLING
        order = session.get_one(Order, closing.order_id, with_for_update=True)
        if _is_to_be_sent(session, clock, order):
            to_send = order.id
        elif order.state is OrderState.FILLED:
            price = "" if order.average_price is None else f" at {plain(order.average_price)}"
            told = f"{_in_words(order)} was filled{price}."
            closings.tell(session, clock, closing, ClosingState.DONE, told)
            return closing.state
        elif order.state in LIVE or order.state is OrderState.UNKNOWN:
            closings.tell(session, clock, closing, ClosingState.SENT, _standing(order))
            return closing.state
        else:
            to_send = 0
    if to_send:
        _send(clock, broker, closing_id, to_send)
        return ClosingState.SENT
    return _failed(clock, broker, closing_id)


def _send(clock: Clock, broker: Broker, closing_id: int, order_id: int) -> None:
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        to = line(clock, broker, closing.account, closing.round_trip_id, closing.asked_by)
    sending.send(to, [order_id])


def line(clock: Clock, broker: Broker, account: str, round_trip_id: int | None, by: str) -> Line:
    """No halt, size or price keeps an exit or a stop from going out."""
    return Line(
        clock=clock,
        broker=broker,
        account=account,
        round_trip_id=round_trip_id or 0,
        allowed=(),
        covered=ANSWERED_YES,
        may_go_out=lambda: None,
        by=by,
        ends_trade=False,
    )


def _is_to_be_sent(session: Session, clock: Clock, order: Order) -> bool:
    """Nobody else sends it meanwhile: whoever carries out a closing does so alone."""
    if order.state is OrderState.PLANNED:
        return True
    if order.state is OrderState.SENDING:
        sentence = "Who sent it fell silent: it is looked up at the broker."
        transitions.step(session, clock, order, OrderState.UNKNOWN, by="closing", sentence=sentence)
    is_settled = order.sent_at is None or clock.now() - order.sent_at >= SETTLING
    return order.state is OrderState.UNKNOWN and is_settled


def _standing(order: Order) -> str:
    if order.state is OrderState.UNKNOWN:
        return f"{_in_words(order)} went out without an answer; it is being looked up."
    filled = f", {plain(order.filled)} of it filled" if order.filled else ""
    held = ", which keeps it until the exchange opens" if order.state is OrderState.HELD else ""
    return f"{_in_words(order)} is at the broker{held}{filled}."


def _failed(clock: Clock, broker: Broker, closing_id: int) -> ClosingState:
    """It ended with shares left: they get their stop back before a person is told."""
    guard = _guard(clock, closing_id)
    if guard is not None:
        _send(clock, broker, closing_id, guard)
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        order = session.get_one(Order, closing.order_id)
        left = order.quantity - order.filled
        why = order.reason or f"it ended {order.state}"
        why = why.rstrip(".")
        told = f"{_in_words(order)} did not close it, {plain(left)} shares are left: {why}."
        if guard is not None:
            stop = session.get_one(Order, guard)
            stands = "in place again" if stop.state in LIVE else "not in place"
            told += f" A stop at {plain(stop.stop_price or _NO_PRICE)} is {stands}."
        told += " Close it again, or at your broker."
        closings.tell(session, clock, closing, ClosingState.FAILED, told)
        return closing.state


def _guard(clock: Clock, closing_id: int) -> int | None:
    """The order that protects what an exit has left, kept once; None where no stop is known."""
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        order = session.get_one(Order, closing.order_id)
        trip = closing.round_trip_id and session.get(RoundTrip, closing.round_trip_id)
        if not trip or order.filled >= order.quantity:
            return None
        name = f"{order.client_order_id}-stop"
        known = session.scalar(select(Order.id).where(Order.client_order_id == name))
        if known is not None:
            return known
        stop = _order(
            clock,
            closing,
            trip,
            client_order_id=name,
            role=Role.STOP,
            side=order.side,
            order_type="STP",
            quantity=order.quantity - order.filled,
            stop_price=_last_stop(session, trip),
            tif="GTC",
        )
        session.add(stop)
        session.flush()
        _begin(session, clock, stop, "closing", "Its exit failed: it is to be protected again.")
        return stop.id


def _last_stop(session: Session, trip: RoundTrip) -> Decimal:
    """Where the stop stood before it was cancelled."""
    query = (
        select(Order.stop_price)
        .where(
            Order.round_trip_id == trip.id,
            Order.role == Role.STOP,
            Order.stop_price.is_not(None),
        )
        .order_by(Order.id.desc())
        .limit(1)
    )
    return session.scalar(query) or trip.stop
