"""
Positions as people look at them: what the broker shows, whose they are, and what is at risk.

The broker's figures are those of its last look; stops are our orders as they stand now.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import AccountSnapshot, Position
from backend.portfolio import looks
from backend.portfolio.orders.models import Closing, Order, Role, RoundTrip
from backend.trading.order_state import LIVE

_NONE = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A round trip's shares of a position."""

    trip: RoundTrip
    price: Decimal | None
    """The market's, at the last look."""
    stops: Sequence[Order]
    """Those that live at the broker."""
    closing: Closing | None

    @property
    def quantity(self) -> Decimal:
        """Negative when short."""
        left = self.trip.entered - self.trip.left
        return left if self.trip.side == "BUY" else -left

    @property
    def unrealized(self) -> Decimal | None:
        if self.price is None or self.trip.entry_price is None:
            return None
        return (self.price - self.trip.entry_price) * self.quantity

    @property
    def value(self) -> Decimal | None:
        return None if self.price is None else self.price * self.quantity

    @property
    def unprotected(self) -> Decimal:
        """Shares that no stop at the broker would take out."""
        covered = sum((stop.quantity - stop.filled for stop in self.stops), _NONE)
        return max(abs(self.quantity) - covered, _NONE)

    @property
    def risk(self) -> Decimal | None:
        """What is lost from the last price on if the stops fill at theirs; None without any."""
        priced = [stop for stop in self.stops if stop.stop_price is not None]
        if self.price is None or not priced:
            return None
        sign = 1 if self.quantity > 0 else -1
        risks = (
            (self.price - (stop.stop_price or _NONE)) * (stop.quantity - stop.filled) * sign
            for stop in priced
        )
        return sum(risks, _NONE)

    @property
    def r(self) -> Decimal | None:
        """Unrealised profit in units of what was risked at the entry."""
        gain, entry = self.unrealized, self.trip.entry_price
        if gain is None or entry is None or not self.quantity:
            return None
        risked = abs(entry - self.trip.stop) * abs(self.quantity)
        return gain / risked if risked else None


@dataclass(frozen=True, kw_only=True)
class Holding:
    """One instrument of an account."""

    position: Position
    parts: Sequence[Part]
    equity: Decimal
    is_foreign: bool
    """In another currency than the account: left out of sums."""
    closing: Closing | None
    """Of what no strategy opened."""

    @property
    def others(self) -> Decimal:
        """Shares that belong to no round trip of ours."""
        return self.position.quantity - sum((part.quantity for part in self.parts), _NONE)

    @property
    def share(self) -> Decimal | None:
        """Of equity, by its size."""
        if self.is_foreign or self.equity <= 0:
            return None
        return abs(self.position.market_value) / self.equity

    @property
    def risk(self) -> Decimal | None:
        known = [part.risk for part in self.parts if part.risk is not None]
        return sum(known, _NONE) if known else None

    @property
    def unprotected(self) -> Decimal:
        """Shares without a stop; those of nobody of us have none that we know of."""
        return sum((part.unprotected for part in self.parts), _NONE) + abs(self.others)


@dataclass(frozen=True, kw_only=True)
class Holdings:
    """All that an account holds, as it was looked at last, and what that comes to."""

    snapshot: AccountSnapshot
    rows: Sequence[Holding]

    @property
    def as_of(self) -> datetime:
        return self.snapshot.taken_at

    @property
    def long(self) -> Decimal:
        return sum((max(value, _NONE) for value in self._values), _NONE)

    @property
    def short(self) -> Decimal:
        """As a positive number."""
        return sum((max(-value, _NONE) for value in self._values), _NONE)

    @property
    def gross(self) -> Decimal:
        return self.long + self.short

    @property
    def net(self) -> Decimal:
        return self.long - self.short

    @property
    def leverage(self) -> Decimal | None:
        return self.gross / self.snapshot.equity if self.snapshot.equity > 0 else None

    @property
    def unrealized(self) -> Decimal:
        return sum((row.position.unrealized_pnl for row in self._summed), _NONE)

    @property
    def risk(self) -> Decimal:
        """What is lost from here if every stop fills at its price."""
        return sum((row.risk or _NONE for row in self._summed), _NONE)

    @property
    def risk_share(self) -> Decimal | None:
        return self.risk / self.snapshot.equity if self.snapshot.equity > 0 else None

    @property
    def unprotected(self) -> Sequence[Holding]:
        return [row for row in self.rows if row.unprotected > 0]

    @property
    def foreign(self) -> Sequence[Holding]:
        return [row for row in self.rows if row.is_foreign]

    @property
    def _summed(self) -> Iterable[Holding]:
        return (row for row in self.rows if not row.is_foreign)

    @property
    def _values(self) -> Iterable[Decimal]:
        return (row.position.market_value for row in self._summed)


def read(session: Session, account: str) -> Holdings | None:
    """None while nobody has looked at the account."""
    snapshot = looks.newest(session, account)
    if snapshot is None:
        return None
    parts = _parts(session, account, snapshot.positions)
    bare = _closings(session, account)
    rows = [
        Holding(
            position=position,
            parts=parts.get(position.conid, ()),
            equity=snapshot.equity,
            is_foreign=position.currency not in ("", snapshot.currency),
            closing=bare.get((None, position.conid)),
        )
        for position in snapshot.positions
    ]
    rows.sort(key=lambda row: -abs(row.position.market_value))
    return Holdings(snapshot=snapshot, rows=rows)


def _parts(
    session: Session, account: str, positions: Sequence[Position]
) -> dict[int, Sequence[Part]]:
    trips = session.scalars(
        select(RoundTrip)
        .where(
            RoundTrip.account == account,
            RoundTrip.closed_at.is_(None),
            RoundTrip.entered > RoundTrip.left,
        )
        .order_by(RoundTrip.id)
    ).all()
    stops = _stops(session, [trip.id for trip in trips])
    closings = _closings(session, account)
    prices = {position.conid: position.market_price for position in positions}
    found: dict[int, list[Part]] = {}
    for trip in trips:
        part = Part(
            trip=trip,
            price=prices.get(trip.conid),
            stops=stops.get(trip.id, ()),
            closing=closings.get((trip.id, trip.conid)),
        )
        found.setdefault(trip.conid, []).append(part)
    return dict(found)


def _stops(session: Session, trips: Sequence[int]) -> dict[int | None, list[Order]]:
    query = select(Order).where(
        Order.round_trip_id.in_(trips),
        Order.role == Role.STOP,
        Order.done_at.is_(None),
        Order.state.in_(LIVE),
    )
    found: dict[int | None, list[Order]] = {}
    for order in session.scalars(query.order_by(Order.id)):
        found.setdefault(order.round_trip_id, []).append(order)
    return found


def _closings(session: Session, account: str) -> dict[tuple[int | None, int], Closing]:
    """Those that are under way."""
    query = select(Closing).where(Closing.account == account, Closing.done_at.is_(None))
    return {(each.round_trip_id, each.conid): each for each in session.scalars(query)}
