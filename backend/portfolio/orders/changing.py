"""A person, or a program with the right to, gives a working order other terms."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import Conflict, OutsideError
from backend.core.logging import get_logger
from backend.portfolio.orders import by_hand, exit_orders, keeping, sending, transitions
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.portfolio.orders.sending import Line
from backend.portfolio.safeguards import DatabaseSafeguards
from backend.trading import changes
from backend.trading.changes import Standing, Term
from backend.trading.numbers import plain
from backend.trading.order_state import LIVE, OrderState

logger = get_logger(__name__)

S = OrderState


@dataclass(frozen=True, kw_only=True)
class Change:
    """What would change, as a person confirms it."""

    order: Order
    terms: Mapping[Term, Decimal]
    before: Mapping[Term, Decimal]
    risk_before: Decimal | None
    """What the trade loses from its entry to its stop, where a stop moves."""
    risk_after: Decimal | None

    @property
    def words(self) -> str:
        return ", ".join(
            f"{changes.NAMES[name]} {plain(self.before[name]) if name in self.before else '-'}"
            f" → {plain(new)}"
            for name, new in self.terms.items()
        )


def prepare(broker: Broker, order_id: int, given: Mapping[str, str]) -> Change:
    """
    What a change would come to. It changes nothing.

    Raises `NotFound`, `NotWorking`, and `InvalidInput` naming what cannot be.
    """
    with transaction() as session:
        order = by_hand.get(session, order_id)
        by_hand.number_at_broker(order, "change")
        if order.state is S.CANCELLING:
            raise by_hand.NotWorking(
                f"{by_hand.name_of(order)} is being cancelled; it cannot be changed any more."
            )
        trip = session.get(RoundTrip, order.round_trip_id) if order.round_trip_id else None
        _refuse_while_halted(order)
        elsewhere = _elsewhere(session, order)
    wanted = changes.read(order.order_type, given)
    standing = _standing(broker, order, trip, elsewhere)
    return _change(order, trip, standing, changes.check(standing, wanted))


def modify(
    clock: Clock, broker: Broker, order_id: int, given: Mapping[str, str], actor: str
) -> Change:
    """
    Give an order other terms at the broker.

    Raises what `prepare` raises, and `Conflict` with the reason where the old terms still hold.
    """
    change = prepare(broker, order_id, given)
    with transaction() as session:
        order = by_hand.get(session, order_id)
        number = by_hand.number_at_broker(order, "change")
        [ticket] = sending.tickets([order])
        line = _line(session, clock, broker, order, actor)
    new: dict[str, Any] = {name: value for name, value in change.terms.items()}
    why_not = sending.change(line, order_id, number, replace(ticket, **new))
    by_hand.read_anew(clock, broker, order.account)
    why_not = _note_change(clock, change, actor, why_not)
    if why_not is not None:
        raise Conflict(f"Its terms are as before: {why_not}", code="not_modified")
    return change


def _refuse_while_halted(order: Order) -> None:
    if order.role is not Role.ENTRY:
        return
    for halt in DatabaseSafeguards().halts():
        if halt.stops(order.strategy_id or 0, order.account):
            raise Conflict(
                f"{halt.sentence} An entry can be cancelled meanwhile, not changed.", code="halted"
            )


def _standing(broker: Broker, order: Order, trip: RoundTrip | None, elsewhere: Decimal) -> Standing:
    contract = broker.contract(order.conid)
    terms = {name: getattr(order, name) for name in changes.TERMS.get(order.order_type, ())}
    held = bound = None
    if trip is not None:
        held = trip.entered - trip.left
        bound = max(trip.quantity - trip.left, held) - elsewhere
    return Standing(
        role=order.role.value,
        side=order.side,
        order_type=order.order_type,
        terms={name: value for name, value in terms.items() if value is not None},
        filled=order.filled,
        held=None if held is None else max(held - elsewhere, Decimal(0)),
        bound=bound,
        stop=trip.stop if trip else None,
        last=_last(broker, order.conid),
        tick=contract.tick,
        lot=contract.lot,
    )


def _elsewhere(session: Session, order: Order) -> Decimal:
    """Shares of its trade that other orders of its role see to, as with several targets."""
    query = select(Order).where(
        Order.round_trip_id == order.round_trip_id,
        Order.role == order.role,
        Order.id != order.id,
        Order.done_at.is_(None),
    )
    others = session.scalars(query) if order.round_trip_id is not None else ()
    return sum((each.quantity - each.filled for each in others), Decimal(0))


def _last(broker: Broker, conid: int) -> Decimal | None:
    try:
        return broker.quote(conid).last
    except OutsideError as error:
        # A price only guards against slips; what the broker makes of the order it says itself.
        logger.info("quote_failed", code=error.code)
        return None


def _change(
    order: Order, trip: RoundTrip | None, standing: Standing, terms: dict[Term, Decimal]
) -> Change:
    before = after = None
    if order.role is Role.STOP and trip is not None:
        entry = trip.entry_price or trip.decision_price
        before = _risk(order, entry, standing.terms)
        after = _risk(order, entry, {**standing.terms, **terms})
    return Change(
        order=order, terms=terms, before=standing.terms, risk_before=before, risk_after=after
    )


def _risk(order: Order, entry: Decimal, terms: Mapping[Term, Decimal]) -> Decimal | None:
    stop = terms.get("stop_price")
    if stop is None:
        return None
    distance = entry - stop if order.side == "SELL" else stop - entry
    return distance * (terms["quantity"] - order.filled)


def _line(session: Session, clock: Clock, broker: Broker, order: Order, actor: str) -> Line:
    """Protection may be moved whatever is asked; an entry's questions are answered as when sent."""
    line = exit_orders.line(clock, broker, order.account, order.round_trip_id, actor)
    if order.role is not Role.ENTRY or order.round_trip_id is None:
        return line
    trip = session.get_one(RoundTrip, order.round_trip_id)
    return replace(
        line,
        allowed=keeping.allowed_questions(trip),
        covered=keeping.covered_questions(trip),
    )


def _note_change(clock: Clock, change: Change, actor: str, why_not: str | None) -> str | None:
    """Keeps what came of it; gives why the old terms hold, unless the broker shows the new ones."""
    with transaction() as session:
        order = by_hand.get(session, change.order.id)
        if _is_shown(order, change):
            why_not = None
        is_done = why_not is None
        told = f"{actor} changed it: {change.words}."
        if not is_done:
            told = f"{actor} wanted it changed ({change.words}), and it stays as it is: {why_not}"
        elif "trail" in change.terms:
            # The broker's lists do not tell it.
            order.trail = change.terms["trail"]
        if order.state in LIVE:
            details: dict[str, Any] = {name: plain(new) for name, new in change.terms.items()}
            transitions.step(
                session, clock, order, order.state, by=actor, sentence=told, details=details
            )
        action = "order.modified" if is_done else "order.not_modified"
        noted = {"after": change.terms, "before": change.before}
        by_hand.note(session, clock, order, actor, action, **noted)
    return why_not


def _is_shown(order: Order, change: Change) -> bool:
    """A request without an answer may have been taken all the same."""
    listed = {name: new for name, new in change.terms.items() if name != "trail"}
    return bool(listed) and all(getattr(order, name) == new for name, new in listed.items())
