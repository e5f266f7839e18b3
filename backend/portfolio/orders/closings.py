"""What is wanted closed, and how far it is; `closing.py` carries it out."""

from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.database import after_commit
from backend.core.events import publish
from backend.notifications import service as notifications
from backend.notifications.events import Event
from backend.portfolio.orders.models import Closing, ClosingState, RoundTrip

SUBJECT = "risk"
FINISHED = (ClosingState.DONE, ClosingState.FAILED)


def ask(
    session: Session,
    clock: Clock,
    trip: RoundTrip,
    *,
    reason: str,
    by: str,
    halt_id: int | None = None,
) -> Closing:
    """
    Have a round trip closed; the one that is under way already where there is one.

    `reason` is `time`, `reversal`, `flatten` or `hand`. The tracker carries it out.
    """
    return _ask(
        session,
        clock,
        {
            "account": trip.account,
            "conid": trip.conid,
            "symbol": trip.symbol,
            "round_trip_id": trip.id,
            "halt_id": halt_id,
            "reason": reason,
            "asked_by": by,
        },
    )


def ask_once(session: Session, clock: Clock, trip: RoundTrip, *, reason: str, by: str) -> bool:
    """
    As `ask`, unless this reason has asked before: what it could not close is a person's to close.
    """
    query = select(Closing.id).where(Closing.round_trip_id == trip.id, Closing.reason == reason)
    if session.scalar(query.limit(1)) is not None:
        return False
    ask(session, clock, trip, reason=reason, by=by)
    return True


def ask_for_position(
    session: Session,
    clock: Clock,
    *,
    account: str,
    conid: int,
    symbol: str,
    reason: str,
    by: str,
    halt_id: int | None = None,
) -> Closing:
    """Have a position closed that belongs to no round trip; else as `ask`."""
    return _ask(
        session,
        clock,
        {
            "account": account,
            "conid": conid,
            "symbol": symbol,
            "round_trip_id": None,
            "halt_id": halt_id,
            "reason": reason,
            "asked_by": by,
        },
    )


def _ask(session: Session, clock: Clock, wanted: dict[str, Any]) -> Closing:
    values = wanted | {
        "asked_at": clock.now(),
        "state": ClosingState.ASKED,
        "outcome": "It is about to be closed.",
    }
    fresh = insert(Closing).values(values).on_conflict_do_nothing().returning(Closing)
    made: Closing | None = session.scalar(fresh)
    after_commit(session, partial(publish, SUBJECT))
    if made is not None:
        return made
    open_one = select(Closing).where(
        Closing.done_at.is_(None),
        Closing.account == wanted["account"],
        Closing.conid == wanted["conid"],
        Closing.round_trip_id.is_(None)
        if wanted["round_trip_id"] is None
        else Closing.round_trip_id == wanted["round_trip_id"],
    )
    return session.scalars(open_one).one()


def tell(
    session: Session, clock: Clock, closing: Closing, state: ClosingState, outcome: str
) -> None:
    """How it stands from now on; people are told of one that failed."""
    now = clock.now()
    closing.state, closing.outcome, closing.looked_at = state, outcome, now
    if state in FINISHED:
        closing.done_at = now
    if state is ClosingState.FAILED:
        notifications.tell(
            session,
            clock,
            event=Event.ORDER_TROUBLE,
            key=f"closing {closing.id} failed",
            title=f"{closing.symbol} was not closed",
            text=outcome,
            path="/risk" if closing.halt_id else "/portfolio",
        )
    after_commit(session, partial(publish, SUBJECT))
