"""The rows of a trade: its round trip and its orders, as they are made, read and told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b

from sqlalchemy import or_, select, text
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.portfolio.orders import round_trips, transitions
from backend.portfolio.orders.models import Closing, Order, OrderTransition, Role, RoundTrip
from backend.trading.brackets import Leg, brackets
from backend.trading.limits import RiskReport
from backend.trading.order_state import OrderState
from backend.trading.plan import OrderPlan
from backend.workflow.placing import Trade

BY = "worker"
_DOCUMENT_VERSION = 1

_IDENTITY = text("SELECT system_identifier || '/' || current_database() FROM pg_control_system()")


def installation(session: Session) -> str:
    """
    Five characters that tell our client order ids from those of another Glassbox.

    Two installations may trade one account, and both count their executions from 1; IBKR takes a
    client order id once a day. The database's own identity stays as long as its executions do.
    """
    identity = str(session.scalar(_IDENTITY))
    return blake2b(identity.encode(), digest_size=3).hexdigest()[:5]


def prefix(session: Session) -> str:
    """What client order ids of this installation begin with."""
    return f"gb-{installation(session)}"


def lock_of(execution_id: int) -> str:
    """One process at a time sends, settles, guards or closes the orders of an execution."""
    return f"orders of execution {execution_id}"


def keep(session: Session, clock: Clock, trade: Trade, report: RiskReport) -> RoundTrip:
    """
    The round trip and every order of it, planned: committed together they are the reservation, and
    every client order id is known before anything goes out.
    """
    now, plan = clock.now(), trade.order_plan
    trip = RoundTrip(
        account=trade.account,
        strategy_id=trade.strategy_id,
        strategy_version=trade.strategy_version,
        strategy_name=trade.strategy_name,
        execution_id=trade.execution_id,
        is_paper=trade.is_paper,
        is_simulated=trade.is_simulated,
        symbol=plan.symbol,
        conid=plan.conid,
        currency=trade.currency,
        side=plan.side.value,
        quantity=plan.quantity,
        decision_price=plan.entry,
        stop=plan.stop,
        document={
            "version": _DOCUMENT_VERSION,
            "plan": plan.model_dump(mode="json"),
            "exits": plan.exits.model_dump(mode="json"),
            "risk_report": report.model_dump(mode="json"),
            "allow_questions": list(trade.allow_questions),
            "covered_questions": list(trade.covered_questions),
            "signal_expires_at": _written(trade.signal_expires_at),
        },
        planned_at=now,
        entry_reason=trade.reason,
    )
    session.add(trip)
    session.flush()
    start = f"{prefix(session)}-{trade.execution_id}"
    for entry, *protection in brackets(plan):
        parent = add(session, clock, trip, entry, client_order_id=f"{start}-{entry.name}")
        for leg in protection:
            named = f"{start}-{leg.name}"
            add(session, clock, trip, leg, client_order_id=named, parent_id=parent.id)
    return trip


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def add(
    session: Session,
    clock: Clock,
    trip: RoundTrip,
    leg: Leg,
    *,
    client_order_id: str,
    parent_id: int | None = None,
    role: Role | None = None,
    by: str = BY,
) -> Order:
    """One more order of a round trip; nothing has gone out of it yet."""
    now = clock.now()
    order = Order(
        client_order_id=client_order_id,
        account=trip.account,
        round_trip_id=trip.id,
        strategy_id=trip.strategy_id,
        execution_id=trip.execution_id,
        parent_id=parent_id,
        role=role or Role(leg.role),
        symbol=trip.symbol,
        conid=trip.conid,
        side=leg.side,
        order_type=leg.order_type,
        quantity=leg.quantity,
        limit_price=leg.limit_price,
        stop_price=leg.stop_price,
        trail=leg.trail,
        tif=leg.tif,
        outside_rth=leg.outside_rth,
        state=OrderState.PLANNED,
        created_at=now,
        created_by=by,
        updated_at=now,
    )
    session.add(order)
    session.flush()
    session.add(_first_step(order))
    return order


def _first_step(order: Order) -> OrderTransition:
    return OrderTransition(
        order_id=order.id,
        at=order.created_at,
        before=None,
        after=order.state,
        by=order.created_by,
        sentence="Its place within the limits is reserved, and nothing has gone out.",
        details={},
    )


# --- reading -------------------------------------------------------------------------------------


def of_execution(session: Session, execution_id: int) -> RoundTrip | None:
    return session.scalar(select(RoundTrip).where(RoundTrip.execution_id == execution_id))


def plan_of(trip: RoundTrip) -> OrderPlan:
    return OrderPlan.model_validate(trip.document["plan"])


def allowed_questions(trip: RoundTrip) -> tuple[str, ...]:
    return tuple(trip.document.get("allow_questions") or ())


def covered_questions(trip: RoundTrip) -> tuple[str, ...]:
    return tuple(trip.document.get("covered_questions") or ())


def signal_expires_at(trip: RoundTrip) -> datetime | None:
    written = trip.document.get("signal_expires_at")
    return None if written is None else datetime.fromisoformat(written)


def entry_ids(session: Session, round_trip_id: int) -> list[int]:
    """One for each bracket, in the order in which they go out."""
    query = select(Order.id).where(Order.round_trip_id == round_trip_id, Order.role == Role.ENTRY)
    return list(session.scalars(query.order_by(Order.id)))


@dataclass(frozen=True)
class Bracket:
    """An entry and all that was ever made to protect it."""

    entry: Order
    children: Sequence[Order]
    held: Decimal
    """What its round trip holds, whichever bracket it came by and whatever took some out again."""
    is_leaving: bool
    """An order that closes the round trip is at work, or may be."""

    @property
    def orders(self) -> list[Order]:
        return [self.entry, *self.children]

    @property
    def stops(self) -> list[Order]:
        return [each for each in self.children if each.role is Role.STOP]

    @property
    def shares(self) -> Decimal:
        """What it holds of the position: entered, and not left again."""
        own = self.entry.filled - sum((each.filled for each in self.children), Decimal(0))
        return max(Decimal(0), min(own, self.held))

    def is_all(self, *states: OrderState) -> bool:
        return all(order.state in states for order in self.orders)


def bracket(session: Session, entry_id: int, *, is_held: bool = False) -> Bracket:
    """As it stands now; `is_held` keeps others from changing it until the caller commits."""
    query = select(Order).where((Order.id == entry_id) | (Order.parent_id == entry_id))
    query = query.order_by(Order.id)
    if is_held:
        query = query.with_for_update(key_share=True)
    fresh = {"populate_existing": True}
    entry, *children = session.scalars(query, execution_options=fresh).all()
    trip = session.get(RoundTrip, entry.round_trip_id, populate_existing=True)
    held = Decimal(0) if trip is None else trip.entered - trip.left
    return Bracket(entry, children, held, _is_leaving(session, entry.round_trip_id))


def _is_leaving(session: Session, round_trip_id: int | None) -> bool:
    query = select(Order.id).where(
        Order.round_trip_id == round_trip_id,
        Order.role.in_((Role.EXIT, Role.FLATTEN)),
        Order.done_at.is_(None),
    )
    return session.scalar(query.limit(1)) is not None


# --- changing ------------------------------------------------------------------------------------


def move(
    session: Session,
    clock: Clock,
    orders: Sequence[Order],
    after: OrderState,
    *,
    sentence: str,
    by: str = BY,
) -> None:
    """
    Take orders to a state, with what follows for their round trip; those that are there stay.

    What ends them is kept as their reason.
    """
    for order in orders:
        if order.state is not after:
            if after in GIVEN_UP:
                order.reason = sentence
            if after is OrderState.SENDING:
                order.sent_at = clock.now()
            transitions.step(session, clock, order, after, by=by, sentence=sentence)
    round_trips.add_up(session, clock, orders)


GIVEN_UP = frozenset(
    {OrderState.WITHDRAWN, OrderState.REFUSED, OrderState.CANCELLED, OrderState.LOST}
)


def is_given_over(session: Session, round_trip_id: int) -> bool:
    """
    It is being closed, or its exit has gone out: `closing` looks after its protection from then
    on. A stop beside a working exit would sell the same shares twice.
    """
    query = select(Closing.id).where(
        Closing.round_trip_id == round_trip_id,
        or_(Closing.done_at.is_(None), Closing.order_id.is_not(None)),
    )
    return session.scalar(query.limit(1)) is not None


def held(session: Session, order_ids: Sequence[int]) -> list[Order]:
    """These orders as they stand, kept from changing until the caller commits."""
    query = select(Order).where(Order.id.in_(order_ids)).order_by(Order.id)
    fresh = {"populate_existing": True}
    held_rows = query.with_for_update(key_share=True)
    return list(session.scalars(held_rows, execution_options=fresh))


def was_unknown(session: Session, order_ids: Sequence[int]) -> bool:
    """Whether one of them was sent, and then sent once more because it was not found."""
    query = select(OrderTransition.id).where(
        OrderTransition.order_id.in_(order_ids),
        OrderTransition.before == OrderState.UNKNOWN,
        OrderTransition.after == OrderState.SENDING,
    )
    return session.scalar(query.limit(1)) is not None
