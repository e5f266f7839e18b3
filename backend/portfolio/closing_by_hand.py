"""A person, or a program with the right to, has a position closed."""

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.errors import Conflict, NotFound
from backend.portfolio import holdings
from backend.portfolio.orders import closings
from backend.portfolio.orders.models import Closing, RoundTrip
from backend.trading.numbers import plain
from backend.web import audit

REASON = "hand"
SHOWN = 5


def close_round_trip(session: Session, clock: Clock, trip_id: int, actor: str) -> Closing:
    """
    Have a trade closed: its orders are cancelled and seen to be gone, then one order takes out
    what is held. Raises `NotFound`, and `Conflict` where nothing of it is held.
    """
    trip = session.get(RoundTrip, trip_id)
    if trip is None:
        raise NotFound(f"There is no round trip {trip_id}.")
    if trip.closed_at is not None:
        raise Conflict(
            f"The {trip.symbol} of round trip {trip_id} was closed at"
            f" {trip.closed_at:%Y-%m-%d %H:%M} UTC already.",
            code="already_closed",
        )
    if trip.entered <= trip.left:
        raise Conflict(
            f"Nothing of round trip {trip_id} is held. To call its orders back, cancel them on"
            " their pages.",
            code="nothing_held",
        )
    closing = closings.ask(session, clock, trip, reason=REASON, by=actor)
    held = plain(trip.entered - trip.left)
    _note(session, clock, closing, actor, f"{held} {trip.symbol} of round trip {trip_id}")
    return closing


def close_position(
    session: Session, clock: Clock, *, account: str, conid: int, actor: str
) -> Closing:
    """
    Have shares closed that no strategy of ours bought. Raises `Conflict` where none were seen:
    what belongs to a round trip is closed with it.
    """
    held = holdings.read(session, account)
    row = next((each for each in held.rows if each.position.conid == conid), None) if held else None
    if row is None or not row.others:
        raise Conflict(
            f"When {account} was looked at last it held no shares of {conid} beside those of"
            " strategies. Refresh the portfolio and look again.",
            code="nothing_held",
        )
    symbol = row.position.symbol
    closing = closings.ask_for_position(
        session, clock, account=account, conid=conid, symbol=symbol, reason=REASON, by=actor
    )
    _note(session, clock, closing, actor, f"{plain(row.others)} {symbol} of no strategy")
    return closing


def _note(session: Session, clock: Clock, closing: Closing, actor: str, subject: str) -> None:
    audit.record(
        session,
        clock,
        actor=actor,
        action="position.close_asked",
        subject=f"{subject} in {closing.account}",
        after={"closing": closing.id, "round_trip": closing.round_trip_id},
    )


def newest(session: Session, account: str) -> Sequence[Closing]:
    """The last few that are over or under way, whoever asked for them."""
    query = select(Closing).where(Closing.account == account)
    return session.scalars(query.order_by(Closing.id.desc()).limit(SHOWN)).all()
