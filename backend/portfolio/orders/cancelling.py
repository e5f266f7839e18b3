"""A person, or a program with the right to, cancels a working order."""

from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import Conflict
from backend.portfolio.orders import by_hand, endings, keeping, sending, transitions
from backend.portfolio.orders.models import Order, Role
from backend.trading.order_state import LIVE, OrderState
from backend.workflow.outcome import Outcome
from backend.workflow.placing import Ending

S = OrderState


def cancel(clock: Clock, broker: Broker, order_id: int, actor: str) -> str:
    """
    Have an order cancelled; gives in a sentence how it stands. One that never went out is
    withdrawn, with the bracket that it begins.

    Raises `NotFound`, `NotWorking`, and `Conflict` with the broker's words where it says no.
    """
    with transaction() as session:
        order = by_hand.get(session, order_id)
        if order.state is S.PLANNED:
            return _withdraw(session, clock, order, actor)
        number = by_hand.number_at_broker(order, "cancel")
        if order.state is S.CANCELLING:
            return "Its cancellation was asked for already; the broker has not confirmed it yet."
        account = order.account
    with sending.conversation():
        refusal = broker.cancel(account, number)
    if refusal is not None:
        by_hand.read_anew(clock, broker, account)
        raise Conflict(f"The broker does not cancel it: {refusal}", code="not_cancelled")
    return _note_cancelling(clock, order_id, actor)


def _withdraw(session: Session, clock: Clock, order: Order, actor: str) -> str:
    """Nothing went out, and now nothing will: the desk looks at the state before it sends."""
    orders = [order]
    if order.role is Role.ENTRY:
        orders = list(keeping.bracket(session, order.id, is_held=True).orders)
    orders = [each for each in orders if each.state is S.PLANNED]
    sentence = f"{actor} withdrew it before it went out."
    keeping.move(session, clock, orders, S.WITHDRAWN, sentence=sentence, by=actor)
    if order.role is Role.ENTRY and order.round_trip_id is not None:
        ending = Ending(outcome=Outcome.BLOCKED, code="withdrawn_by_person", sentence=sentence)
        endings.note_ending(session, order.round_trip_id, ending)
    by_hand.note(session, clock, order, actor, "order.withdrawn", after={})
    return "It was withdrawn before anything went out."


def _note_cancelling(clock: Clock, order_id: int, actor: str) -> str:
    with transaction() as session:
        order = by_hand.get(session, order_id)
        if order.state in LIVE and order.state is not S.CANCELLING:
            told = f"{actor} asked for its cancellation."
            transitions.step(session, clock, order, S.CANCELLING, by=actor, sentence=told)
        by_hand.note(
            session, clock, order, actor, "order.cancel_asked", after={"filled": order.filled}
        )
    return (
        "Its cancellation was asked for. It can still fill until the broker confirms it, which"
        " shows here."
    )
