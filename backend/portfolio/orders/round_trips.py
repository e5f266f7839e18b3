"""What round trips come to, added up from their orders and fills."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.portfolio.books import fills as book
from backend.portfolio.books.models import Fill
from backend.portfolio.orders.models import Closing, Order, Role, RoundTrip
from backend.trading.order_state import LIVE, OrderState

_EIGHT_PLACES = Decimal("0.00000001")


def rounded(number: Decimal) -> Decimal:
    """As the database keeps it."""
    return number.quantize(_EIGHT_PLACES)


@dataclass(frozen=True)
class _Leg:
    """One order's part in its round trip."""

    order: Order
    fills: list[Fill]

    @property
    def worth(self) -> Decimal | None:
        """What was paid for all that it filled; None while no price is known."""
        if book.quantity(self.fills) >= self.order.filled:
            return book.worth(self.fills)
        price = self.order.average_price
        return None if price is None else price * self.order.filled


def add_up(
    session: Session, clock: Clock, orders: Sequence[Order]
) -> tuple[list[RoundTrip], list[RoundTrip]]:
    """
    Bring the round trips of these orders up to date; gives those that opened and that closed.

    Their rows are held first and their orders read after that, so that of two who add up at the
    same time the later one sees what the earlier one wrote.
    """
    numbers = {order.round_trip_id for order in orders} - {None}
    if not numbers:
        return [], []
    session.flush()
    held = select(RoundTrip).where(RoundTrip.id.in_(numbers)).order_by(RoundTrip.id)
    fresh = {"populate_existing": True}
    trips = session.scalars(held.with_for_update(key_share=True), execution_options=fresh).all()
    legs = _legs(session, numbers)  # type: ignore[arg-type]
    opened, closed = [], []
    for trip in trips:
        was_open, was_closed = trip.opened_at is not None, trip.closed_at is not None
        _add_up(session, trip, legs.get(trip.id, []), clock.now())
        if trip.opened_at is not None and not was_open:
            opened.append(trip)
        if trip.closed_at is not None and not was_closed:
            closed.append(trip)
    return opened, closed


def _legs(session: Session, numbers: set[int]) -> dict[int, list[_Leg]]:
    query = select(Order).where(Order.round_trip_id.in_(numbers)).order_by(Order.id)
    orders = session.scalars(query, execution_options={"populate_existing": True}).all()
    known = book.of_orders(session, [order.id for order in orders])
    legs: dict[int, list[_Leg]] = {}
    for order in orders:
        if order.round_trip_id is not None:
            legs.setdefault(order.round_trip_id, []).append(_Leg(order, known.get(order.id, [])))
    return legs


def _add_up(session: Session, trip: RoundTrip, legs: list[_Leg], now: datetime) -> None:
    entries = [leg for leg in legs if leg.order.role is Role.ENTRY]
    exits = [leg for leg in legs if leg.order.role is not Role.ENTRY]
    trip.entered, paid = _sums(entries)
    trip.left, received = _sums(exits)
    trip.entry_price = _price(paid, trip.entered)
    trip.exit_price = _price(received, trip.left)
    trip.commission = sum((leg.order.commission for leg in legs), Decimal(0))
    trip.gross_pnl = _gross(trip, paid, received)
    if trip.entered > 0:
        trip.opened_at = min((fill.at for leg in entries for fill in leg.fills), default=None) or (
            trip.opened_at or now
        )
    see(trip, *(fill.price for leg in legs for fill in leg.fills))
    _close(session, trip, legs, now)


def _sums(legs: Sequence[_Leg]) -> tuple[Decimal, Decimal | None]:
    """Shares, and what they came to; None where a price is missing."""
    filled = [leg for leg in legs if leg.order.filled > 0]
    worths = [leg.worth for leg in filled]
    known = [worth for worth in worths if worth is not None]
    quantity = sum((leg.order.filled for leg in filled), Decimal(0))
    return quantity, sum(known, Decimal(0)) if len(known) == len(worths) else None


def _price(worth: Decimal | None, quantity: Decimal) -> Decimal | None:
    return None if worth is None or quantity == 0 else rounded(worth / quantity)


def _gross(trip: RoundTrip, paid: Decimal | None, received: Decimal | None) -> Decimal | None:
    if paid is None or received is None or trip.entered == 0 or trip.left == 0:
        return None
    gain = received - paid * trip.left / trip.entered
    return rounded(gain if trip.side == "BUY" else -gain)


def see(trip: RoundTrip, *prices: Decimal) -> None:
    """Prices that the market showed while it was open."""
    best, worst = (max, min) if trip.side == "BUY" else (min, max)
    for price in prices:
        trip.best_price = price if trip.best_price is None else best(trip.best_price, price)
        trip.worst_price = price if trip.worst_price is None else worst(trip.worst_price, price)


def see_prices(session: Session, account: str, prices: Mapping[int, Decimal]) -> None:
    """The same for every round trip of the account that holds something; prices by conid."""
    known = {conid: price for conid, price in prices.items() if price > 0}
    query = select(RoundTrip).where(
        RoundTrip.account == account,
        RoundTrip.closed_at.is_(None),
        RoundTrip.entered > RoundTrip.left,
        RoundTrip.conid.in_(known),
    )
    held = query.order_by(RoundTrip.id).with_for_update(key_share=True)
    for trip in session.scalars(held, execution_options={"populate_existing": True}):
        see(trip, known[trip.conid])


def _close(session: Session, trip: RoundTrip, legs: list[_Leg], now: datetime) -> None:
    """Close it where nothing of it is left, or open it again where a late fill shows it was not."""
    if _was_given_up(trip):
        return
    if not _is_over(trip, legs):
        if trip.closed_at is not None and not _another_is_open(session, trip):
            trip.closed_at = None
        return
    if trip.entered == 0:
        trip.closed_at = trip.closed_at or now
        trip.exit_reason = _why_nothing(legs)
        return
    exits = [(fill.at, fill.id, leg) for leg in legs for fill in leg.fills if _leaves(leg)]
    last = max(exits, default=None, key=lambda each: each[:2])
    trip.closed_at = last[0] if last else trip.closed_at or now
    leg = last[2] if last else next(leg for leg in legs if _leaves(leg) and leg.order.filled)
    trip.exit_reason = _why(session, leg.order)


def _was_given_up(trip: RoundTrip) -> bool:
    """A person said that its shares went elsewhere: our orders will never show it."""
    is_by_hand = trip.closed_at is not None and trip.exit_reason == "hand"
    return is_by_hand and trip.left < trip.entered


def _is_over(trip: RoundTrip, legs: list[_Leg]) -> bool:
    entries = [leg.order for leg in legs if not _leaves(leg)]
    if not entries or any(order.done_at is None for order in entries):
        return False
    if trip.entered > 0:
        return trip.left >= trip.entered
    return not any(leg.order.state in LIVE for leg in legs)


def _leaves(leg: _Leg) -> bool:
    return leg.order.role is not Role.ENTRY


def _another_is_open(session: Session, trip: RoundTrip) -> bool:
    query = select(RoundTrip.id).where(
        RoundTrip.strategy_id == trip.strategy_id,
        RoundTrip.account == trip.account,
        RoundTrip.conid == trip.conid,
        RoundTrip.closed_at.is_(None),
        RoundTrip.id != trip.id,
    )
    return session.scalar(query.limit(1)) is not None


_WHY_NOTHING = {
    OrderState.REFUSED: "refused",
    OrderState.WITHDRAWN: "withdrawn",
}


def _why_nothing(legs: list[_Leg]) -> str:
    states = [leg.order.state for leg in legs if not _leaves(leg)]
    return _WHY_NOTHING.get(states[-1], "not_filled")


def _why(session: Session, order: Order) -> str:
    """By the order that took the last shares out; whoever asked for an exit said why."""
    if order.role is Role.STOP:
        return "trailing" if order.trail is not None else "stop"
    if order.role is Role.TARGET:
        return "target"
    asked = select(Closing.reason).where(Closing.order_id == order.id)
    usual = "flatten" if order.role is Role.FLATTEN else "hand"
    return session.scalar(asked) or usual
