"""The orders that went out before, as limits count them."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from backend.portfolio.orders.models import RoundTrip
from backend.trading.oversight import PastOrder


def since(
    session: Session, moment: datetime, *, until: datetime | None = None, without: int | None = None
) -> tuple[PastOrder, ...]:
    """
    One for each trade that was reserved since then, unless it was withdrawn before it went out.

    With `until`, as it stood at that moment, without the trade of the execution `without`.
    """
    query = select(RoundTrip).where(
        RoundTrip.planned_at >= moment,
        or_(RoundTrip.exit_reason.is_(None), RoundTrip.exit_reason != "withdrawn"),
    )
    if until is not None:
        query = query.where(RoundTrip.planned_at <= until, RoundTrip.execution_id != without)
    return tuple(
        PastOrder(
            strategy_id=trip.strategy_id,
            account=trip.account,
            symbol=trip.symbol,
            side=trip.side,
            at=trip.planned_at,
        )
        for trip in session.scalars(query)
    )
