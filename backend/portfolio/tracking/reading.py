"""Reading everything anew: what the stream may have missed, and the books beside the broker's."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock, real_seconds
from backend.core.database import transaction
from backend.core.logging import get_logger
from backend.portfolio import looks
from backend.portfolio.books import drift, fills, positions
from backend.portfolio.orders import following, round_trips, telling, transitions
from backend.portfolio.orders.matching import News
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.order_state import FINAL, LIVE, OrderState

logger = get_logger(__name__)

DOUBT_SECONDS = {"contradiction": 8.0, "vanished": 300.0}
"""
What one reading finds odd counts once others, until so much later, find the same. A gateway that
has just started may list too little for a while, and a stop must not be given up for that.
"""
USUAL_DAYS = 1
MOST_DAYS = 7
"""As far back as brokers tell of executions."""


@dataclass(frozen=True)
class Reading:
    changes: following.Changes
    look: drift.Look

    @property
    def is_doubtful(self) -> bool:
        """Another one should follow soon."""
        return bool(self.look.seen)


class Reader:
    """Reads one account; remembers what it found odd until the next time."""

    def __init__(
        self,
        broker: Broker,
        clock: Clock,
        account: str,
        *,
        by: str = "tracker",
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._broker = broker
        self._clock = clock
        self._account = account
        self._by = by
        self._monotonic = monotonic
        self._odd_since: dict[tuple[str, int], float] = {}
        self._doubt = {
            kind: max(8.0, real_seconds(clock, seconds)) for kind, seconds in DOUBT_SECONDS.items()
        }

    def read(self, *, days: int = USUAL_DAYS) -> Reading:
        """
        Bring orders, fills and books up to date.

        Raises what the broker raises, and `DatabaseAway`; what was committed before that stays.
        """
        began = self._clock.now()
        listed = self._broker.orders(self._account)
        made = self._broker.fills(self._account, days=days)
        with transaction() as session:
            # The books first, as everybody holds them before a round trip of theirs.
            positions.books(session, self._account).read_at = began
            news: list[News] = [*listed, *made]
            changes = following.apply(session, self._clock, self._account, news, by=self._by)
            odd = self._vanished(session, {each.order_id for each in listed}, began)
            odd += [("contradiction", each.order) for each in changes.contradictions]
            certain = self._long_enough(odd)
            for kind, order in certain:
                self._settle(session, kind, order)
            to_cancel = [
                order
                for kind, order in certain
                if kind == "contradiction" and _must_go(session, order)
            ]
        for order in to_cancel:
            self._cancel(order)
        snapshot = self._broker.account_snapshot(self._account)
        with transaction() as session:
            look = drift.look(session, self._clock, self._account, snapshot.positions)
            looks.keep(session, snapshot)
            prices = {each.conid: each.market_price for each in snapshot.positions}
            round_trips.see_prices(session, self._account, prices)
        for row in look.confirmed:
            logger.warning("drift_confirmed", account=self._account, why=drift.sentence(row))
        return Reading(changes, look)

    def _vanished(
        self, session: Session, listed: set[str], began: object
    ) -> list[tuple[str, Order]]:
        """Orders that lived before we asked, and that the broker does not list any more."""
        query = select(Order).where(
            Order.account == self._account,
            Order.done_at.is_(None),
            Order.state.in_(LIVE),
            Order.broker_order_id.not_in(listed),
            Order.updated_at < began,
        )
        held = query.order_by(Order.id).with_for_update(key_share=True)
        return [("vanished", order) for order in session.scalars(held)]

    def _long_enough(self, odd: Iterable[tuple[str, Order]]) -> list[tuple[str, Order]]:
        now = self._monotonic()
        orders = {(kind, order.id): order for kind, order in odd}
        since = {key: self._odd_since.get(key, now) for key in orders}
        self._odd_since = since
        return [
            (kind, order)
            for (kind, _), order in orders.items()
            if now - since[kind, order.id] >= self._doubt[kind]
        ]

    def _settle(self, session: Session, kind: str, order: Order) -> None:
        if kind == "vanished":
            self._is_over(session, order)
        else:
            self._lives_on(session, order)

    def _is_over(self, session: Session, order: Order) -> None:
        """Brokers forget orders that ended on an earlier day; the fills say how."""
        known = fills.quantity(fills.of_orders(session, [order.id]).get(order.id, []))
        is_filled = known >= order.quantity
        transitions.step(
            session,
            self._clock,
            order,
            OrderState.FILLED if is_filled else OrderState.CANCELLED,
            by=self._by,
            sentence="The broker no longer lists it, and its fills make up the whole."
            if is_filled
            else "The broker no longer lists it: what was not filled is over.",
        )
        if not is_filled:
            order.reason = "It ended while nobody was looking; the broker no longer lists it."
        session.flush()
        round_trips.add_up(session, self._clock, [order])
        telling.ended(session, self._clock, order)

    def _lives_on(self, session: Session, order: Order) -> None:
        telling.trouble(
            session,
            self._clock,
            order,
            key="lives",
            title=f"An order that was over works at the broker: {order.role} of {order.symbol}",
            text=f"{order.client_order_id} is {order.state} for us, and the broker still lists it."
            " It is cancelled there unless it protects what is held; look at it.",
        )

    def _cancel(self, order: Order) -> None:
        """What is over for us must not trade."""
        why_not = self._broker.cancel(self._account, order.broker_order_id or "")
        logger.warning("order_lives_on", order=order.id, why_not_cancelled=why_not)


def _must_go(session: Session, order: Order) -> bool:
    """Whether an order that lives on could open something, where a stop would only protect."""
    if order.state not in FINAL or order.broker_order_id is None or order.role is Role.STOP:
        return False
    trip = session.get(RoundTrip, order.round_trip_id) if order.round_trip_id else None
    return order.role is Role.ENTRY or trip is None or trip.closed_at is not None
