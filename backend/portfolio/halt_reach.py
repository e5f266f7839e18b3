"""What a kill switch reaches in one account, as the broker lists it and as our books know it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import AccountSnapshot
from backend.brokers.orders import BrokerOrder
from backend.portfolio.models import HaltRow
from backend.portfolio.orders.models import Closing, ClosingState, Order, Role, RoundTrip
from backend.trading.kill_switch import opens_or_adds
from backend.trading.order_state import OrderState

EXITS = (Role.EXIT, Role.FLATTEN)
IN_DOUBT = (OrderState.SENDING, OrderState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One reading of the broker."""

    account: str
    listed: Sequence[BrokerOrder]
    snapshot: AccountSnapshot

    def held(self, conid: int) -> Decimal:
        positions = self.snapshot.positions
        return sum((each.quantity for each in positions if each.conid == conid), Decimal(0))


@dataclass(kw_only=True)
class Reach:
    orders: list[BrokerOrder] = field(default_factory=list)
    """Those that the switch means to be gone."""
    in_doubt: list[Order] = field(default_factory=list)
    """Ours, of which nobody knows whether the broker has them."""
    trips: list[RoundTrip] = field(default_factory=list)
    """To be closed."""
    bare: dict[int, tuple[str, Decimal]] = field(default_factory=dict)
    """Symbol and shares of positions that no open round trip accounts for, by conid."""


def find(session: Session, row: HaltRow, seen: Seen) -> Reach:
    ours = _ours(session, row, seen)
    trips = _trips(session, row, seen.account)
    held = {trip.id: shares(trip) for trip in trips}
    failed = _failed(session, row, seen.account)
    reach = Reach(in_doubt=[each for each in ours.values() if each.state in IN_DOUBT])
    reach.orders = [
        listed
        for listed, order in _working(row, seen, ours)
        if not (order and (order.role in EXITS or order.round_trip_id in failed))
        and (row.meaning == "flatten" or _opens(listed, order, held, seen))
    ]
    if row.meaning == "flatten":
        reach.trips = [trip for trip in trips if trip.id not in failed]
        if row.scope != "strategy":
            reach.bare = _bare(session, seen, {trip.conid for trip in trips})
    return reach


def shares(trip: RoundTrip) -> Decimal:
    """Held now, negative when short."""
    return (trip.entered - trip.left) * (1 if trip.side == "BUY" else -1)


def _ours(session: Session, row: HaltRow, seen: Seen) -> dict[str, Order]:
    """By the broker's number, or by our own where it is not known."""
    query = select(Order).where(Order.account == seen.account, Order.done_at.is_(None))
    if row.scope == "strategy":
        query = query.where(Order.strategy_id == int(row.target))
    return {each.broker_order_id or each.client_order_id: each for each in session.scalars(query)}


def _working(
    row: HaltRow, seen: Seen, ours: dict[str, Order]
) -> Iterator[tuple[BrokerOrder, Order | None]]:
    for listed in seen.listed:
        order = ours.get(listed.order_id) or ours.get(listed.client_order_id or "")
        if not listed.status.is_final and (order is not None or row.scope != "strategy"):
            yield listed, order


def _trips(session: Session, row: HaltRow, account: str) -> list[RoundTrip]:
    query = select(RoundTrip).where(RoundTrip.account == account, RoundTrip.closed_at.is_(None))
    if row.scope == "strategy":
        query = query.where(RoundTrip.strategy_id == int(row.target))
    return list(session.scalars(query.order_by(RoundTrip.id)))


def _failed(session: Session, row: HaltRow, account: str) -> set[int | None]:
    """Round trips that this switch could not close: what protects them again stays."""
    query = select(Closing.round_trip_id).where(
        Closing.halt_id == row.id,
        Closing.account == account,
        Closing.state == ClosingState.FAILED,
        Closing.round_trip_id.is_not(None),
    )
    return set(session.scalars(query))


def _opens(listed: BrokerOrder, order: Order | None, held: dict[int, Decimal], seen: Seen) -> bool:
    """Judged by its own round trip, else by all that the account holds of its instrument."""
    if order is not None and order.round_trip_id is not None:
        return opens_or_adds(listed, held.get(order.round_trip_id, Decimal(0)))
    return opens_or_adds(listed, seen.held(listed.conid))


def _bare(session: Session, seen: Seen, with_trips: set[int]) -> dict[int, tuple[str, Decimal]]:
    """Those of instruments with open round trips are judged once these are closed."""
    return {
        each.conid: (each.symbol, each.quantity)
        for each in seen.snapshot.positions
        if each.quantity and each.conid not in with_trips
    }
