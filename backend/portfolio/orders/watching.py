"""
What a tracker looks after once no execution does: brackets that lose a leg later, orders that
nobody knows the fate of, and reservations that nothing will send any more.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core import locks
from backend.core.clock import Clock, real_seconds
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.core.logging import get_logger
from backend.portfolio.orders import endings, guarding, keeping
from backend.portfolio.orders.guarding import Guard
from backend.portfolio.orders.keeping import Bracket
from backend.portfolio.orders.models import Order, OrderTransition, RoundTrip
from backend.portfolio.orders.sending import Line
from backend.portfolio.orders.settling import Settling
from backend.trading.order_state import LIVE, OrderState
from backend.workflow.outcome import Outcome
from backend.workflow.placing import Ending

logger = get_logger(__name__)

BY = "tracker"
LEFT_ALONE = timedelta(minutes=5)
"""So long an execution, or the worker that takes it over, has to see to its own orders."""
LONGEST_PLANNED = timedelta(days=1)

S = OrderState
_NOBODY = Ending(
    outcome=Outcome.FAILED,
    code="order_lost",
    sentence="No execution waits for it any more, so it is looked up and not sent again.",
)


def watch(clock: Clock, broker: Broker, *, sleep: Callable[[float], None] | None = None) -> None:
    """Look at every open round trip; one that cannot be seen to keeps no other one waiting."""
    wait = sleep or (lambda seconds: time.sleep(real_seconds(clock, seconds)))
    with transaction() as session:
        query = select(RoundTrip).where(RoundTrip.closed_at.is_(None)).order_by(RoundTrip.id)
        trips = session.scalars(query).all()
    for trip in trips:
        try:
            _look_after(_Looking(clock, broker, wait, trip))
        except AppError as error:
            logger.warning("round_trip_not_seen_to", round_trip=trip.id, why=error.message)


class _Looking:
    def __init__(
        self, clock: Clock, broker: Broker, sleep: Callable[[float], None], trip: RoundTrip
    ) -> None:
        self.clock, self.trip = clock, trip
        line = Line(
            clock=clock,
            broker=broker,
            account=trip.account,
            round_trip_id=trip.id,
            allowed=keeping.allowed_questions(trip),
            covered=keeping.covered_questions(trip),
            may_go_out=lambda: _NOBODY,
            by=BY,
        )
        self.settling = Settling(line=line, sleep=sleep)
        self.guard = Guard(settling=self.settling)


def _look_after(looking: _Looking) -> None:
    trip = looking.trip
    with transaction() as session:
        wanting = [
            entry_id
            for entry_id in keeping.entry_ids(session, trip.id)
            if _wants(session, looking, keeping.bracket(session, entry_id))
        ]
    if not wanting:
        return
    with locks.alone(keeping.lock_of(trip.execution_id)) as is_ours:
        for entry_id in wanting if is_ours else ():
            _see_to(looking, entry_id)


def _wants(session: Session, looking: _Looking, bracket: Bracket) -> bool:
    now, entry = looking.clock.now(), bracket.entry
    if entry.state in (S.PLANNED, S.SENDING, S.UNKNOWN):
        return _is_left_alone(looking.trip, entry, now)
    if _has_turned_up(looking.trip, bracket):
        return True
    if guarding.fault(bracket) is None or keeping.is_given_over(session, looking.trip.id):
        return False
    return not _was_wanted(session, bracket)


def _is_left_alone(trip: RoundTrip, entry: Order, now: datetime) -> bool:
    """Nobody has moved it for a while; what is planned waits as long as its signal is good."""
    if entry.state is not S.PLANNED:
        return entry.updated_at < now - LEFT_ALONE
    expires_at = keeping.signal_expires_at(trip) or trip.planned_at + LONGEST_PLANNED
    return max(entry.updated_at, expires_at) < now - LEFT_ALONE


def _has_turned_up(trip: RoundTrip, bracket: Bracket) -> bool:
    """Its execution has ended as one that came to nothing."""
    ending = endings.ending_of(trip)
    is_given_up = ending is not None and ending.code == _NOBODY.code
    entry = bracket.entry
    return is_given_up and entry.state in LIVE - {S.CANCELLING} and entry.filled == 0


def _was_wanted(session: Session, bracket: Bracket) -> bool:
    """A person took a leg away, through us: that is theirs to do, and they are warned of it."""
    query = select(OrderTransition.id).where(
        OrderTransition.order_id.in_([order.id for order in bracket.children]),
        OrderTransition.after == S.CANCELLING,
        OrderTransition.by.startswith("person:"),
    )
    return session.scalar(query.limit(1)) is not None


def _see_to(looking: _Looking, entry_id: int) -> None:
    bracket = looking.settling.read(entry_id)
    state = bracket.entry.state
    if state is S.PLANNED:
        _withdraw(looking, entry_id)
    elif state in (S.SENDING, S.UNKNOWN):
        looking.settling.settle(entry_id)
    elif _has_turned_up(looking.trip, bracket):
        looking.guard.take_back(entry_id, "It turned up after its execution had given it up.")
    looking.guard.secure(entry_id, is_seen=True)


def _withdraw(looking: _Looking, entry_id: int) -> None:
    told = "Its signal's time is over, and nothing of it has gone out."
    ending = Ending(outcome=Outcome.SKIPPED, code="signal_expired", sentence=told)
    with transaction() as session:
        orders = keeping.bracket(session, entry_id, is_held=True).orders
        planned = [each for each in orders if each.state is S.PLANNED]
        clock = looking.clock
        keeping.move(session, clock, planned, S.WITHDRAWN, sentence=told, by=BY)
        endings.note_ending(session, looking.trip.id, ending)
