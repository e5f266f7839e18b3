"""Sending one order that is kept: once, with every question of the broker answered on record."""

from backend.brokers.base import Broker
from backend.brokers.orders import (
    OrderAnswer,
    OutcomeUnknown,
    Question,
    Refused,
    Taken,
    Ticket,
)
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import OutsideError
from backend.portfolio.orders import following, transitions
from backend.portfolio.orders.models import Order, OrderQuestion
from backend.trading.order_state import OrderState

MOST_QUESTIONS = 20
SENDABLE = (OrderState.PLANNED, OrderState.UNKNOWN)


def send(clock: Clock, broker: Broker, order_id: int) -> None:
    """Nothing is raised for what the broker says or does not say: the order's row holds it."""
    begun = _begin(clock, order_id)
    if begun is None:
        return
    account, ticket = begun
    try:
        answer: OrderAnswer = broker.place(account, [ticket])
        for _ in range(MOST_QUESTIONS):
            if not isinstance(answer, Question):
                break
            _keep(clock, order_id, answer)
            answer = broker.reply(account, answer, is_confirmed=True)
    except OutcomeUnknown as error:
        return _step(clock, order_id, OrderState.UNKNOWN, error.message)
    except OutsideError as error:
        return _step(clock, order_id, OrderState.PLANNED, f"It did not go out: {error.message}")
    _take(clock, account, order_id, answer)


def _begin(clock: Clock, order_id: int) -> tuple[str, Ticket] | None:
    """Commit that it goes out before it does; None where it has gone out, or is over."""
    with transaction() as session:
        order = session.get_one(Order, order_id, with_for_update=True)
        if order.state not in SENDABLE:
            return None
        sentence = "It goes out." if order.sent_at is None else "It goes out under the same name."
        transitions.step(session, clock, order, OrderState.SENDING, by="closing", sentence=sentence)
        order.sent_at = clock.now()
        return order.account, ticket_of(order)


def ticket_of(order: Order) -> Ticket:
    return Ticket(
        client_order_id=order.client_order_id,
        conid=order.conid,
        side=order.side,  # type: ignore[arg-type]
        order_type=order.order_type,  # type: ignore[arg-type]
        quantity=order.quantity,
        tif=order.tif,  # type: ignore[arg-type]
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        trail=order.trail,
        outside_rth=order.outside_rth,
    )


def _keep(clock: Clock, order_id: int, question: Question) -> None:
    now = clock.now()
    with transaction() as session:
        session.add(
            OrderQuestion(
                order_id=order_id,
                asked_at=now,
                reply_id=question.reply_id,
                message_ids=list(question.message_ids),
                text=question.text,
                answer="yes",
                answered_at=now,
                answered_by="policy: exits",
            )
        )


def _take(clock: Clock, account: str, order_id: int, answer: OrderAnswer) -> None:
    if isinstance(answer, Taken):
        with transaction() as session:
            following.apply(session, clock, account, answer.orders, by="broker")
    elif isinstance(answer, Refused):
        _step(clock, order_id, OrderState.REFUSED, answer.text)
    else:
        _step(clock, order_id, OrderState.UNKNOWN, "The broker asks without an end.")


def _step(clock: Clock, order_id: int, after: OrderState, sentence: str) -> None:
    with transaction() as session:
        order = session.get_one(Order, order_id, with_for_update=True)
        if order.state is OrderState.SENDING:
            if after is OrderState.REFUSED:
                order.reason = sentence
            transitions.step(session, clock, order, after, by="broker", sentence=sentence)
