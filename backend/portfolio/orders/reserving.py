"""
Limits asked and a trade's place within them taken, in one transaction.

All reservations wait for each other, so the second of two that would pass a limit together sees
the first one's orders. They are short: the broker was asked before.
"""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from backend.brokers.base import AccountSnapshot, WorkingOrder
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.portfolio.books import drift
from backend.portfolio.books.models import Fill
from backend.portfolio.orders import keeping
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.limits import RiskReport
from backend.trading.order_state import OPEN, OrderState
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.placing import Judge, Trade

_LOCK = 7_160_241
_NOT_SHOWN_YET = timedelta(seconds=15)
"""So long the broker's figures may lag behind a fill: its own caches and ours are older never."""
_COUNTS = OPEN | {OrderState.LOST}
"""A lost order may still turn up, so its place is kept."""
_ADDS = (Role.ENTRY, Role.EXIT, Role.FLATTEN)
"""Protection takes shares out again, and cannot fill before its entry."""


def reserve(clock: Clock, trade: Trade, snapshot: AccountSnapshot, judge: Judge) -> RiskReport:
    """As `Desk.reserve`. Nothing is kept when the limits refuse."""
    with transaction() as session:
        session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        _refuse_drift(session, trade)
        _refuse_second(session, trade)
        report = judge(with_ours(session, snapshot))
        if not report.is_refused:
            keeping.keep(session, clock, trade, report)
        return report


def _refuse_drift(session: Session, trade: Trade) -> None:
    for row in drift.blocking(session, trade.account):
        raise Ends(Outcome.BLOCKED, "unexplained_drift", drift.sentence(row))


def _refuse_second(session: Session, trade: Trade) -> None:
    plan = trade.order_plan
    query = select(RoundTrip).where(
        RoundTrip.strategy_id == trade.strategy_id,
        RoundTrip.account == trade.account,
        RoundTrip.conid == plan.conid,
        RoundTrip.closed_at.is_(None),
    )
    trip = session.scalar(query)
    if trip is None:
        return
    held = "long" if trip.side == "BUY" else "short"
    if trip.side == plan.side.value:
        raise Ends(
            Outcome.BLOCKED,
            "already_in",
            f"The strategy is in {plan.symbol} already: round trip {trip.id} ({held}) is open. It"
            " holds one at a time; the next one can follow when this one is closed.",
        )
    raise Ends(
        Outcome.BLOCKED,
        "opposite_open",
        f"Round trip {trip.id} in {plan.symbol} is {held} and still open, and the signal points the"
        " other way. Set exits.on_reversal to close or turn if it should end with such a signal.",
    )


def with_ours(session: Session, snapshot: AccountSnapshot) -> AccountSnapshot:
    """The account with those of our orders and fills in it that the broker does not show yet."""
    unseen = [*_open_orders(session, snapshot), *_recent_fills(session, snapshot)]
    return replace(snapshot, working_orders=(*snapshot.working_orders, *unseen))


def _open_orders(session: Session, snapshot: AccountSnapshot) -> list[WorkingOrder]:
    query = (
        select(Order, RoundTrip.decision_price)
        .join(RoundTrip, RoundTrip.id == Order.round_trip_id, isouter=True)
        .where(
            Order.account == snapshot.account,
            Order.done_at.is_(None),
            Order.state.in_(_COUNTS),
            Order.role.in_(_ADDS),
        )
    )
    shown = {each.order_id for each in snapshot.working_orders}
    named = {each.client_order_id for each in snapshot.working_orders}
    return [
        _working(order, order.quantity - order.filled, price)
        for order, price in session.execute(query)
        if order.broker_order_id not in shown and order.client_order_id not in named
    ]


def _recent_fills(session: Session, snapshot: AccountSnapshot) -> list[WorkingOrder]:
    """
    An entry that filled a moment ago counts as if it were still to fill, until the positions show
    it; one that has left again meanwhile is counted too, which errs on the safe side.
    """
    since = snapshot.taken_at - _NOT_SHOWN_YET
    query = (
        select(Order, Fill)
        .join(Fill, Fill.order_id == Order.id)
        .where(Order.account == snapshot.account, Fill.at > since, Order.role == Role.ENTRY)
    )
    recent = session.execute(query).all()
    shown = {each.conid: each.quantity for each in snapshot.positions}
    agreed = _agreed(session, snapshot.account, {order.conid for order, _ in recent}, shown)
    return [
        _working(order, fill.quantity, fill.price)
        for order, fill in recent
        if order.conid not in agreed
    ]


def _agreed(
    session: Session, account: str, conids: set[int], shown: dict[int, Decimal]
) -> set[int]:
    """Instruments whose position at the broker is what our own open round trips come to."""
    query = select(RoundTrip).where(RoundTrip.account == account, RoundTrip.conid.in_(conids))
    ours = dict.fromkeys(conids, Decimal(0))
    for trip in session.scalars(query.where(RoundTrip.entered != RoundTrip.left)):
        sign = 1 if trip.side == "BUY" else -1
        ours[trip.conid] += sign * (trip.entered - trip.left)
    return {conid for conid in conids if ours[conid] == shown.get(conid, Decimal(0))}


def _working(order: Order, quantity: Decimal, price: Decimal | None) -> WorkingOrder:
    """`price` values an order that names none itself."""
    return WorkingOrder(
        order_id=order.broker_order_id or "",
        client_order_id=order.client_order_id,
        conid=order.conid,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        quantity=quantity,
        filled=Decimal(0),
        limit_price=order.limit_price or price,
        stop_price=order.stop_price,
        status=order.state.value,
    )
