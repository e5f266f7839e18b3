"""A person says what became of shares; our books then follow the broker's."""

from collections.abc import Collection, Iterable
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.portfolio.books import drift, fills
from backend.portfolio.books import positions as own
from backend.portfolio.books.models import Adjustment, Drift, Fill
from backend.portfolio.orders import round_trips
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.order_state import OrderState
from backend.web import audit

LONGEST_REASON = 500


def explain(
    session: Session,
    clock: Clock,
    drift_id: int,
    reason: str,
    actor: str,
    *,
    closes: Collection[int] = (),
) -> Drift:
    """
    Take a difference as explained: orders are allowed again, and our books follow the broker.

    `closes` names the open round trips whose shares went by hand. They are closed so; a fill that
    was made elsewhere becomes their exit, with its price, where there is one. Raises `NotFound`,
    `Conflict` when it was explained before, `InvalidInput` for an empty reason or a round trip
    that this difference cannot close.
    """
    row = _open_drift(session, drift_id)
    reason = _reason(reason)
    missing = row.brokers - row.ours
    for trip in _named(session, row, closes):
        missing -= _close(session, clock, row, trip, actor)
    if missing:
        session.add(_adjustment(row, missing, clock, actor, reason))
    row.explained_at, row.explained_by, row.explanation = clock.now(), actor, reason
    audit.record(
        session,
        clock,
        actor=actor,
        action="drift.explained",
        subject=f"{row.symbol} of {row.account}",
        before={"ours": row.ours, "brokers": row.brokers},
        after={"reason": reason, "adjusted_by": missing, "closed_by_hand": sorted(closes)},
    )
    return row


def closable(session: Session, row: Drift) -> list[RoundTrip]:
    """Open round trips whose shares may be what is missing at the broker."""
    lacks = "BUY" if row.brokers < row.ours else "SELL"
    query = select(RoundTrip).where(
        RoundTrip.account == row.account,
        RoundTrip.conid == row.conid,
        RoundTrip.closed_at.is_(None),
        RoundTrip.entered > RoundTrip.left,
        RoundTrip.side == lacks,
    )
    return list(session.scalars(query.order_by(RoundTrip.id)))


def _open_drift(session: Session, drift_id: int) -> Drift:
    """The account's books are held first, as every look holds them."""
    account = session.scalar(select(Drift.account).where(Drift.id == drift_id))
    if account is None:
        raise NotFound(f"There is no drift {drift_id}.")
    own.books(session, account)
    row = session.get_one(Drift, drift_id, populate_existing=True)
    if row.explained_at is not None:
        raise Conflict(
            f"This drift was explained at {row.explained_at:%Y-%m-%d %H:%M} UTC by"
            f" {row.explained_by}: {row.explanation}"
        )
    return row


def _reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise InvalidInput("Say what became of the shares; it is kept.", field="reason")
    if len(reason) > LONGEST_REASON:
        raise InvalidInput(
            f"The reason has {len(reason)} characters; {LONGEST_REASON} are the most.",
            field="reason",
        )
    return reason


def _named(session: Session, row: Drift, closes: Collection[int]) -> Iterable[RoundTrip]:
    possible = {trip.id: trip for trip in closable(session, row)}
    for number in sorted(set(closes)):
        if number not in possible:
            raise InvalidInput(
                f"Round trip {number} is not open with shares of {row.symbol} that are missing"
                f" at the broker; {_listed(possible)}.",
                field="closes",
            )
        yield possible[number]


def _listed(possible: Collection[int]) -> str:
    if not possible:
        return "none is"
    return f"open ones are {', '.join(map(str, sorted(possible)))}"


def _close(session: Session, clock: Clock, row: Drift, trip: RoundTrip, actor: str) -> Decimal:
    """Close it by hand; gives by how many shares our books changed on the way."""
    sold = _made_elsewhere(session, row, trip)
    if sold:
        order = _order_by_hand(session, clock, trip, sold, actor)
        fills.attribute(session, [each.id for each in sold], row.account, order.id)
        round_trips.add_up(session, clock, [order])
    if trip.closed_at is None:
        trip.closed_at = clock.now()
    trip.exit_reason = "hand"
    quantity = fills.quantity(sold)
    return -quantity if trip.side == "BUY" else quantity


def _made_elsewhere(session: Session, row: Drift, trip: RoundTrip) -> list[Fill]:
    """Fills by nobody of us that may have closed it: the other side, after it opened, no more."""
    rest, found = trip.entered - trip.left, []
    for fill in drift.elsewhere(session, row):
        is_after = trip.opened_at is None or fill.at >= trip.opened_at
        if fill.side != trip.side and is_after and fill.quantity <= rest:
            found.append(fill)
            rest -= fill.quantity
    return found


def _order_by_hand(
    session: Session, clock: Clock, trip: RoundTrip, sold: list[Fill], actor: str
) -> Order:
    """The order that somebody gave elsewhere, so that the round trip tells its exit like others."""
    quantity, now = fills.quantity(sold), clock.now()
    order = Order(
        client_order_id=f"hand-{sold[0].id}",
        account=trip.account,
        round_trip_id=trip.id,
        strategy_id=trip.strategy_id,
        role=Role.EXIT,
        symbol=trip.symbol,
        conid=trip.conid,
        side=sold[0].side,
        order_type="MKT",
        quantity=quantity,
        tif="DAY",
        state=OrderState.FILLED,
        reason="It was given elsewhere, by hand.",
        filled=quantity,
        average_price=round_trips.rounded(fills.worth(sold) / quantity),
        commission=sum((fill.commission or Decimal(0) for fill in sold), Decimal(0)),
        created_at=sold[0].at,
        created_by=actor,
        updated_at=now,
        done_at=sold[-1].at,
    )
    session.add(order)
    session.flush()
    return order


def _adjustment(row: Drift, quantity: Decimal, clock: Clock, actor: str, reason: str) -> Adjustment:
    return Adjustment(
        account=row.account,
        conid=row.conid,
        symbol=row.symbol,
        quantity=quantity,
        at=clock.now(),
        by=actor,
        reason=reason,
    )
