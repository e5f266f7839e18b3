"""
The conversation with the broker about new orders: one request, its questions, its answer.

Every state is committed before what it speaks of: SENDING before the request, a question and what
is answered before the answer goes out. So whatever interrupts us leaves at most orders that are
SENDING, and of those nobody knows whether they live: they are looked up (`settling`), and never
just sent again.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from backend.brokers.base import Broker
from backend.brokers.orders import (
    OrderAnswer,
    OutcomeUnknown,
    Question,
    Refused,
    Taken,
    Ticket,
)
from backend.core import locks
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import AppError, SessionDown, TemporaryError
from backend.portfolio.orders import endings, following, keeping
from backend.portfolio.orders.models import Order, OrderQuestion
from backend.trading import questions
from backend.trading.order_state import OrderState
from backend.workflow.outcome import Outcome
from backend.workflow.placing import Ending, MayGoOut

PATIENCE_SECONDS = 45.0
"""For the conversation of another execution to end."""
MOST_QUESTIONS = 20

T = TypeVar("T")
S = OrderState


def conversation() -> AbstractContextManager[None]:
    """
    One at a time: whoever sends an order makes the broker's open question to another one stale.

    To be held by everybody who places, changes or previews an order. A dead process lets go of it.
    """
    return locks.in_turn("the broker's order conversation", patience_seconds=PATIENCE_SECONDS)


@dataclass(frozen=True, kw_only=True)
class Line:
    """To whom we speak, about whose orders, and what may be answered."""

    clock: Clock
    broker: Broker
    account: str
    round_trip_id: int
    allowed: tuple[str, ...]
    covered: tuple[str, ...]
    may_go_out: MayGoOut
    by: str = keeping.BY
    ends_trade: bool = True
    """Whether a no is why the trade came to nothing; to an exit it is not."""


class _NothingWentOut(Exception):
    """The broker cannot be asked now, and nothing of the request is with it."""

    def __init__(self, cause: TemporaryError | SessionDown) -> None:
        super().__init__(cause.message)
        self.cause = cause


def send(line: Line, order_ids: Sequence[int]) -> None:
    """
    Send an entry with its protection, or one order of its own, in one request.

    Afterwards the orders stand as the broker's answer put them, UNKNOWN where there is none.
    Raises `TemporaryError` or `SessionDown`, and what was planned is planned as before, when
    nothing went out.
    """
    with conversation():
        tickets = _begin(line, order_ids)
        if not tickets:
            return
        try:
            answer = _converse(line, order_ids, lambda: line.broker.place(line.account, tickets))
        except OutcomeUnknown as error:
            _move(line, order_ids, S.UNKNOWN, error.message)
        except _NothingWentOut as turned_away:
            _step_back(line, order_ids, turned_away.cause.message)
            raise turned_away.cause from None
        except AppError as error:
            _give_up(line, order_ids, S.WITHDRAWN, _failed(error))
            raise
        else:
            _take(line, order_ids, answer)


def change(line: Line, order_id: int, broker_order_id: str, ticket: Ticket) -> str | None:
    """
    Give an order that works at the broker other terms: None where that was taken, else why not.

    Whatever the answer, the broker's lists tell what holds now; the old terms do where it is a no.
    """
    with conversation():
        try:
            answer = _converse(
                line,
                [order_id],
                lambda: line.broker.modify(line.account, broker_order_id, ticket),
            )
        except (AppError, _NothingWentOut) as error:
            return str(error)
    return answer.text if isinstance(answer, Refused) else None


def _begin(line: Line, order_ids: Sequence[int]) -> list[Ticket]:
    """Commit that they go out now; nothing where somebody withdrew them, or something forbids."""
    ending = line.may_go_out()
    if ending is not None:
        _give_up(line, order_ids, S.WITHDRAWN, ending)
        return []
    with transaction() as session:
        orders = keeping.held(session, order_ids)
        waiting = (S.PLANNED, S.UNKNOWN)
        if not orders or any(order.state not in waiting for order in orders):
            return []
        again = orders[0].state is S.UNKNOWN
        told = "It was looked for and is not there, so it goes out once more under the same id."
        told = told if again else "It goes out now."
        keeping.move(session, line.clock, orders, S.SENDING, sentence=told, by=line.by)
        return tickets(orders)


def tickets(orders: Sequence[Order]) -> list[Ticket]:
    """Those of one request; an order is a child of the one in the same request that it names."""
    names = {order.id: order.client_order_id for order in orders}
    return [
        Ticket(
            client_order_id=order.client_order_id,
            conid=order.conid,
            side=order.side,  # type: ignore[arg-type]
            order_type=order.order_type,  # type: ignore[arg-type]
            quantity=order.quantity,
            tif=order.tif,  # type: ignore[arg-type]
            parent=names.get(order.parent_id or 0),
            limit_price=order.limit_price,
            stop_price=order.stop_price,
            trail=order.trail,
            outside_rth=order.outside_rth,
        )
        for order in orders
    ]


def _converse(
    line: Line, order_ids: Sequence[int], request: Callable[[], OrderAnswer]
) -> OrderAnswer:
    answer = _call(request)
    for _ in range(MOST_QUESTIONS):
        if not isinstance(answer, Question):
            return answer
        answer = _reply(line, order_ids, answer)
    raise OutcomeUnknown(
        f"The broker asked more than {MOST_QUESTIONS} questions in a row about one order."
    )


def _reply(line: Line, order_ids: Sequence[int], question: Question) -> OrderAnswer:
    policy = questions.answer(question.message_ids, line.allowed, line.covered)
    forbids = line.may_go_out() if policy.is_yes else None
    is_yes = policy.is_yes and forbids is None
    by = policy.by if forbids is None else f"policy: {forbids.code}"
    _keep_question(line, order_ids[0], question, by, is_yes=is_yes)
    answer = _call(lambda: line.broker.reply(line.account, question, is_confirmed=is_yes))
    if isinstance(answer, Refused) and not is_yes:
        _give_up(line, order_ids, S.WITHDRAWN, forbids or _asked_too_much(question, policy.why))
    elif isinstance(answer, Taken) and not answer.orders:
        # A prompt is answered with a word that says nothing of the order.
        raise OutcomeUnknown(
            "The broker took the answer to its question without a word on the order"
        )
    return answer


def _call(request: Callable[[], T]) -> T:
    """Sets apart what the broker could not be asked from what our own database could not do."""
    try:
        return request()
    except (TemporaryError, SessionDown) as error:
        raise _NothingWentOut(error) from error


def _asked_too_much(question: Question, why: str) -> Ending:
    ids = ", ".join(question.message_ids) or "without an id"
    return Ending(
        outcome=Outcome.BLOCKED,
        code="question_refused",
        sentence=f"The broker asked ({ids}): {question.text!r} It was answered no: {why}."
        f" {questions.mend(question.message_ids)}",
    )


def _failed(error: AppError) -> Ending:
    sentence = f"The order could not be sent: {error.message}"
    return Ending(outcome=Outcome.FAILED, code=error.code, sentence=sentence)


# --- what is committed ---------------------------------------------------------------------------


def _keep_question(line: Line, order_id: int, question: Question, by: str, *, is_yes: bool) -> None:
    """With its answer, before that is given: a question that is open dies with the next request."""
    now = line.clock.now()
    with transaction() as session:
        session.add(
            OrderQuestion(
                order_id=order_id,
                asked_at=now,
                reply_id=question.reply_id,
                message_ids=list(question.message_ids),
                text=question.text,
                answer="yes" if is_yes else "no",
                answered_at=now,
                answered_by=by,
            )
        )


def _move(line: Line, order_ids: Sequence[int], after: OrderState, sentence: str) -> None:
    """Those that are still SENDING: the stream may have told more of some already."""
    with transaction() as session:
        orders = [each for each in keeping.held(session, order_ids) if each.state is S.SENDING]
        keeping.move(session, line.clock, orders, after, sentence=sentence, by=line.by)


def _step_back(line: Line, order_ids: Sequence[int], why: str) -> None:
    """Planned as before; what was sent once already and not found is as unknown as before."""
    with transaction() as session:
        orders = [each for each in keeping.held(session, order_ids) if each.state is S.SENDING]
        again = keeping.was_unknown(session, [order.id for order in orders])
        after = S.UNKNOWN if again else S.PLANNED
        told = f"Nothing went out: {why}"
        keeping.move(session, line.clock, orders, after, sentence=told, by=line.by)


def _give_up(line: Line, order_ids: Sequence[int], after: OrderState, ending: Ending) -> None:
    with transaction() as session:
        waiting = (S.PLANNED, S.SENDING) if after is S.WITHDRAWN else (S.SENDING,)
        orders = [each for each in keeping.held(session, order_ids) if each.state in waiting]
        if orders:
            told = ending.sentence
            keeping.move(session, line.clock, orders, after, sentence=told, by=line.by)
            if line.ends_trade:
                endings.note_ending(session, line.round_trip_id, ending)


def _take(line: Line, order_ids: Sequence[int], answer: OrderAnswer) -> None:
    """Refusals end what they speak of, and what is not told of is to be looked up."""
    if isinstance(answer, Refused):
        why = f"The broker refused it: {answer.text}"
        refusal = Ending(outcome=Outcome.BLOCKED, code="refused_by_broker", sentence=why)
        _give_up(line, order_ids, S.REFUSED, refusal)
        return
    assert isinstance(answer, Taken)
    with transaction() as session:
        following.apply(session, line.clock, line.account, answer.orders, by=line.by)
        orders = [each for each in keeping.held(session, order_ids) if each.state is S.SENDING]
        told = "The broker's answer does not speak of it."
        keeping.move(session, line.clock, orders, S.UNKNOWN, sentence=told, by=line.by)
