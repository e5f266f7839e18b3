"""A signal that points against an open round trip: what it does to that one, as it was planned."""

from collections.abc import Callable

from sqlalchemy import select

from backend.brokers.base import Broker
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.portfolio import exits
from backend.portfolio.orders import closing, closings
from backend.portfolio.orders.models import Closing, ClosingState, RoundTrip
from backend.workflow.placing import Reversal

LOOKS = 15
PAUSE_SECONDS = 2.0
"""So long a signal waits for what it closes; the tracker goes on with it after that."""


def make_way(
    clock: Clock,
    broker: Broker,
    sleep: Callable[[float], None],
    *,
    strategy_id: int,
    account: str,
    conid: int,
    side: str,
) -> Reversal | None:
    """As `Desk.make_way`."""
    with transaction() as session:
        query = select(RoundTrip).where(
            RoundTrip.strategy_id == strategy_id,
            RoundTrip.account == account,
            RoundTrip.conid == conid,
            RoundTrip.closed_at.is_(None),
            RoundTrip.side != side,
        )
        trip = session.scalar(query)
        planned = None if trip is None else exits.of(trip)
        if trip is None or planned is None or planned.on_reversal == "ignore":
            return None
        asked = closings.ask(session, clock, trip, reason="reversal", by=exits.BY)
        closing_id, trip_id, on_reversal = asked.id, trip.id, planned.on_reversal
    for number in range(LOOKS):
        if number:
            sleep(PAUSE_SECONDS)
        closing.carry_out(clock, broker, account, [closing_id])
        with transaction() as session:
            if session.get_one(Closing, closing_id).state in closings.FINISHED:
                break
    with transaction() as session:
        found = session.get_one(Closing, closing_id)
        return Reversal(
            round_trip_id=trip_id,
            is_closed=found.state is ClosingState.DONE,
            may_turn=on_reversal == "turn",
            sentence=found.outcome,
        )
