"""Orders as lists show them: found, counted, and each with the trade that it belongs to."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVarTuple

from sqlalchemy import Select, func, select, text
from sqlalchemy.orm import Session

from backend.core.errors import NotFound
from backend.portfolio.orders.list_query import STATES, OrdersQuery, Tab
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading import slippage
from backend.trading.order_state import OrderState

PAGE = 50
MANY = 10_000
"""Counts go on no further."""

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True, kw_only=True)
class Listed:
    order: Order
    trip: RoundTrip | None

    @property
    def currency(self) -> str:
        return self.trip.currency if self.trip else "USD"

    @property
    def wanted(self) -> Decimal | None:
        """The price that slippage is measured from: of the decision, or the order's own trigger."""
        if self.order.role is Role.ENTRY:
            return self.trip.decision_price if self.trip else None
        if self.order.role is Role.STOP:
            return self.order.stop_price
        return self.order.limit_price

    @property
    def slippage(self) -> Decimal | None:
        """Per share, in contract currency; above zero it was worse than wanted."""
        return slippage.per_share(self.order.side, self.wanted, self.order.average_price)

    @property
    def is_troubled(self) -> bool:
        """Nobody knows what became of it."""
        return self.order.state in (OrderState.UNKNOWN, OrderState.LOST)


def find(session: Session, asked: OrdersQuery, limit: int = PAGE) -> list[Listed]:
    """Newest first, at most `limit` of them."""
    query = _narrowed(select(Order, RoundTrip), asked, STATES[asked.tab])
    query = query.outerjoin(RoundTrip, RoundTrip.id == Order.round_trip_id)
    if asked.after is not None:
        query = query.where(Order.id > asked.after).order_by(Order.id)
    else:
        if asked.before is not None:
            query = query.where(Order.id < asked.before)
        query = query.order_by(Order.id.desc())
    rows = [Listed(order=order, trip=trip) for order, trip in session.execute(query.limit(limit))]
    return rows[::-1] if asked.after is not None else rows


def get(session: Session, order_id: int) -> Listed:
    order = session.get(Order, order_id)
    if order is None:
        raise NotFound(f"There is no order {order_id}.")
    trip = session.get(RoundTrip, order.round_trip_id) if order.round_trip_id else None
    return Listed(order=order, trip=trip)


def of_round_trip(session: Session, trip: RoundTrip) -> list[Listed]:
    """All orders of a trade, in the order in which they were made."""
    query = select(Order).where(Order.round_trip_id == trip.id).order_by(Order.id)
    return [Listed(order=order, trip=trip) for order in session.scalars(query)]


def of_execution(session: Session, execution_id: int) -> list[Listed]:
    """All orders of the trade that an execution began, exits of later included."""
    trip = session.scalar(select(RoundTrip).where(RoundTrip.execution_id == execution_id))
    return of_round_trip(session, trip) if trip else []


def counts(session: Session, asked: OrdersQuery) -> dict[Tab, str]:
    """As the tabs show them: 12, 3,400 or 10,000+; whatever tab and place are asked for."""
    found = {}
    for tab, states in STATES.items():
        some = _narrowed(select(Order.id), asked, states).limit(MANY + 1).subquery()
        number = session.scalar(select(func.count()).select_from(some)) or 0
        found[tab] = f"{MANY:,}+" if number > MANY else f"{number:,}"
    return found


def _narrowed(
    query: Select[*Columns], asked: OrdersQuery, states: frozenset[OrderState]
) -> Select[*Columns]:
    exact = {
        Order.account: asked.account,
        Order.strategy_id: asked.strategy_id,
        Order.symbol: asked.symbol and asked.symbol.upper(),
        Order.round_trip_id: asked.round_trip,
        Order.execution_id: asked.execution,
    }
    for column, wanted in exact.items():
        if wanted is not None:
            query = query.where(column == wanted)
    if states == STATES[Tab.WORKING]:
        # Said as its index says it.
        return query.where(Order.done_at.is_(None))
    return query if states == STATES[Tab.ALL] else query.where(Order.state.in_(states))


@dataclass(frozen=True, kw_only=True)
class Choices:
    """What the filters offer: whatever orders were ever made for."""

    accounts: Sequence[str]
    strategies: Sequence[tuple[int, str]]
    symbols: Sequence[str]


def choices(session: Session) -> Choices:
    named = session.execute(
        select(RoundTrip.strategy_id, func.max(RoundTrip.strategy_name))
        .group_by(RoundTrip.strategy_id)
        .order_by(func.max(RoundTrip.strategy_name))
    )
    return Choices(
        accounts=session.scalars(select(Order.account).distinct().order_by(Order.account)).all(),
        strategies=[(each, name) for each, name in named],
        symbols=session.scalars(
            select(Order.symbol).distinct().order_by(Order.symbol).limit(500)
        ).all(),
    )


def mark(session: Session) -> str:
    """A short text that is another one as soon as any order has moved."""
    return str(session.scalar(_MARK))


_MARK = text("""
SELECT concat_ws('.',
  (SELECT max(id) FROM order_transitions),
  (SELECT extract(epoch FROM max(updated_at)) FROM orders),
  (SELECT count(*) FILTER (WHERE answer IS NULL) || ',' || max(id) FROM order_questions))
""")
