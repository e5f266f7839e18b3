"""
Closing a round trip, or a position that no strategy opened: its protection is cancelled and seen
to be gone, then one order takes the shares out.

What is wanted is kept before anything is done, and each step is committed before the next one, so
whoever looks after a crash goes on where the last one stopped. A closing has one exit order at
most: it is looked up and followed, and never sent a second time under another name.

The exit is a market order, also while the exchange is shut: then the broker keeps it for the next
opening, where a limit might stay unfilled with its protection gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker, Position
from backend.brokers.orders import BrokerOrder
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.core.locks import alone
from backend.core.logging import get_logger
from backend.portfolio.orders import closings, exit_orders, following, keeping, transitions
from backend.portfolio.orders.models import Closing, ClosingState, Order, Role, RoundTrip
from backend.trading.numbers import plain
from backend.trading.order_state import LIVE, OrderState

logger = get_logger(__name__)

DOUBT = timedelta(seconds=10)
"""So long a broker that shows fewer shares than our fills is asked again before it is believed."""

LOOKS = 4
"""At the broker's orders in one go: cancelling is asked for in the first, seen in a later one."""


@dataclass(frozen=True)
class Reading:
    """One look at the broker, for all closings of an account."""

    listed: Sequence[BrokerOrder]
    positions: Sequence[Position]


def watch(clock: Clock, broker: Broker) -> None:
    """
    Go on with every closing that is under way, the oldest first.

    Raises what the broker raises when it is asked for orders, fills and positions.
    """
    with transaction() as session:
        query = select(Closing).where(Closing.done_at.is_(None)).order_by(Closing.id)
        waiting = session.scalars(query).all()
    for account in dict.fromkeys(each.account for each in waiting):
        mine = [each.id for each in waiting if each.account == account]
        carry_out(clock, broker, account, mine)


def carry_out(clock: Clock, broker: Broker, account: str, closing_ids: Sequence[int]) -> None:
    """
    Bring closings of an account as far as they get now: many positions take hardly longer than
    one, since the broker is asked once for all of them.

    It may be called again at any time, by any process. Raises as `watch`; what goes wrong with
    one closing keeps no other one waiting.
    """
    waiting = list(closing_ids)
    for number in range(LOOKS):
        if not waiting:
            return
        reading = _read(clock, broker, account)
        waiting = [
            each for each in waiting if _goes_on(clock, broker, each, reading, is_first=number == 0)
        ]


def _read(clock: Clock, broker: Broker, account: str) -> Reading:
    positions = broker.account_snapshot(account).positions
    listed, fills = broker.orders(account), broker.fills(account)
    with transaction() as session:
        following.apply(session, clock, account, [*listed, *fills], by="closing")
    return Reading(listed, positions)


def _goes_on(
    clock: Clock, broker: Broker, closing_id: int, reading: Reading, *, is_first: bool
) -> bool:
    """Whether another look in the same go may bring it further."""
    try:
        with alone(_work(closing_id)) as is_ours:
            if not is_ours:
                return False
            state = _step(clock, broker, closing_id, reading, is_first=is_first)
    except AppError as error:
        logger.warning("closing_not_carried_out", closing=closing_id, why=error.message)
        return False
    return state is ClosingState.CANCELLING


def _work(closing_id: int) -> str:
    """
    Whoever places or guards the orders of the round trip does not do so while it is closed: a new
    stop in place of the one that was cancelled is the last thing that is wanted then.
    """
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        if closing.round_trip_id is None:
            return f"closing {closing_id}"
        execution = session.get_one(RoundTrip, closing.round_trip_id).execution_id
        return keeping.lock_of(execution)


def _step(
    clock: Clock, broker: Broker, closing_id: int, reading: Reading, *, is_first: bool
) -> ClosingState:
    """Cancelling is asked for once in a go, and again in the next one: acceptance is no end."""
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
    if closing.state in closings.FINISHED:
        return closing.state
    if closing.order_id is not None:
        return exit_orders.follow(clock, broker, closing_id)
    to_cancel = _to_cancel(clock, closing_id, reading.listed)
    if to_cancel is None:
        return ClosingState.CANCELLING
    if to_cancel:
        return _cancel(clock, broker, closing_id, to_cancel if is_first else ())
    quantity = _quantity(clock, closing_id, reading)
    if quantity is None:
        return ClosingState.CANCELLING
    if quantity == 0:
        return _nothing_held(clock, closing_id)
    exit_orders.keep(clock, closing_id, quantity)
    return exit_orders.follow(clock, broker, closing_id)


def _to_cancel(clock: Clock, closing_id: int, listed: Sequence[BrokerOrder]) -> list[str] | None:
    """
    Numbers of what still works against the closing at the broker; None while the fate of an
    order is not known. What never went out is withdrawn here.
    """
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        orders = _orders(session, closing, listed)
        planned = [each for each in orders if each.state is OrderState.PLANNED]
        told = f"Its position is being closed ({closing.reason})."
        by = closing.asked_by
        keeping.move(session, clock, planned, OrderState.WITHDRAWN, sentence=told, by=by)
        if any(each.state in (OrderState.SENDING, OrderState.UNKNOWN) for each in orders):
            told = "It waits: what became of an order that went out is being looked up first."
            closings.tell(session, clock, closing, ClosingState.CANCELLING, told)
            return None
        ours = [each.broker_order_id for each in orders if each.state in LIVE]
        return [number for number in ours if number] + _foreign(session, closing, orders, listed)


def _orders(session: Session, closing: Closing, listed: Sequence[BrokerOrder]) -> Sequence[Order]:
    """Ours, held until the caller commits; the desk cannot begin to send one of them meanwhile."""
    query = select(Order).where(Order.done_at.is_(None), Order.account == closing.account)
    if closing.round_trip_id is not None:
        query = query.where(Order.round_trip_id == closing.round_trip_id)
    else:
        numbers = [each.order_id for each in listed if each.conid == closing.conid]
        named = or_(Order.broker_order_id.in_(numbers), Order.conid == closing.conid)
        query = query.where(Order.round_trip_id.is_(None), named)
    fresh = {"populate_existing": True}
    held = query.order_by(Order.id).with_for_update()
    return session.scalars(held, execution_options=fresh).all()


def _foreign(
    session: Session, closing: Closing, orders: Sequence[Order], listed: Sequence[BrokerOrder]
) -> list[str]:
    """
    Orders that are none of ours: of a round trip the children that the broker made of its entry,
    of a bare position all of its instrument.
    """
    known = set(
        session.scalars(
            select(Order.broker_order_id).where(
                Order.account == closing.account, Order.broker_order_id.is_not(None)
            )
        )
    )
    working = [
        each
        for each in listed
        if not each.status.is_final and each.conid == closing.conid and each.order_id not in known
    ]
    if closing.round_trip_id is None:
        return [each.order_id for each in working]
    entries = select(Order.broker_order_id).where(
        Order.round_trip_id == closing.round_trip_id, Order.role == Role.ENTRY
    )
    parents = set(session.scalars(entries))
    return [each.order_id for each in working if each.parent_order_id in parents]


def _cancel(clock: Clock, broker: Broker, closing_id: int, numbers: Sequence[str]) -> ClosingState:
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        account, by = closing.account, closing.asked_by
        if numbers:
            told = f"{len(numbers)} of its orders are being cancelled."
            closings.tell(session, clock, closing, ClosingState.CANCELLING, told)
    for number in numbers:
        why_not = broker.cancel(account, number)
        if why_not is None:
            _note_cancelling(clock, account, number, by)
        else:
            # Filled or cancelled a moment ago: the next look at the broker's orders tells.
            logger.info("cancel_refused", order=number, why=why_not)
    return ClosingState.CANCELLING


def _note_cancelling(clock: Clock, account: str, number: str, by: str) -> None:
    with transaction() as session:
        query = select(Order).where(Order.account == account, Order.broker_order_id == number)
        order = session.scalar(query.with_for_update())
        if order is not None and order.state in LIVE:
            sentence = "Its cancellation was asked for: its position is being closed."
            transitions.step(session, clock, order, OrderState.CANCELLING, by=by, sentence=sentence)


def _quantity(clock: Clock, closing_id: int, reading: Reading) -> Decimal | None:
    """
    How many shares to take out, negative for those of a short position; None while the broker
    shows something else than our fills, or what nobody of us made, and has not for long enough.

    Never more than either of the two say, so that no exit turns a position over.
    """
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        held = (each.quantity for each in reading.positions if each.conid == closing.conid)
        shown = sum(held, Decimal(0))
        mine, others = _held(session, closing)
        theirs = shown - others
        is_bare = closing.round_trip_id is None
        agreed = theirs if is_bare else _agreed(mine, theirs)
        if not is_bare and agreed == mine:
            return mine
        told = f"The broker shows {plain(theirs)} shares, our fills {plain(mine)}: asked again."
        is_settled = _is_settled(clock, closing, agreed)
        if not is_settled:
            closings.tell(session, clock, closing, ClosingState.CANCELLING, told)
        return agreed if is_settled else None


def _is_settled(clock: Clock, closing: Closing, quantity: Decimal) -> bool:
    """Whether the broker has shown the same for so long that no fill on its way explains it."""
    now = clock.now()
    if closing.seen_quantity != quantity or closing.seen_since is None:
        closing.seen_quantity, closing.seen_since = quantity, now
    return now - closing.seen_since >= DOUBT


def _agreed(mine: Decimal, theirs: Decimal) -> Decimal:
    """What both say is held; nothing where one says long and the other short."""
    return min(mine, theirs, key=abs) if mine * theirs > 0 else Decimal(0)


def _held(session: Session, closing: Closing) -> tuple[Decimal, Decimal]:
    """Shares of the closing's own round trip, and of all others of its account and instrument."""
    query = select(RoundTrip).where(
        RoundTrip.account == closing.account,
        RoundTrip.conid == closing.conid,
        RoundTrip.entered != RoundTrip.left,
    )
    mine, others = Decimal(0), Decimal(0)
    for each in session.scalars(query):
        shares = (each.entered - each.left) * (1 if each.side == "BUY" else -1)
        if each.id == closing.round_trip_id:
            mine += shares
        elif each.closed_at is None:
            others += shares
    return mine, others


def _nothing_held(clock: Clock, closing_id: int) -> ClosingState:
    with transaction() as session:
        closing = session.get_one(Closing, closing_id)
        told = "Nothing of it is held: no order went out."
        closings.tell(session, clock, closing, ClosingState.DONE, told)
        return closing.state
