"""What is looked at again and again beside the following itself."""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock, real_seconds
from backend.core.database import transaction
from backend.core.errors import AppError, OutsideError
from backend.core.logging import get_logger
from backend.portfolio.orders import round_trips, telling, transitions
from backend.portfolio.orders.models import Closing, Order, Role, RoundTrip
from backend.trading.order_state import LIVE, OrderState

logger = get_logger(__name__)

LEAST_SECONDS = 1.0
GRACE = timedelta(seconds=20)
"""A broker cancels the other legs itself, a moment after one has filled."""
LEAST_GRACE_SECONDS = 10.0
"""Of the machine, however fast the clock runs: news takes its time to come."""
LOST_FOR = timedelta(hours=24)
"""Client order ids are the broker's for a day: what has not appeared by then never will."""


@dataclass(frozen=True)
class Watch:
    """`look(clock, broker)` every so many seconds of the clock; what it raises stops no other."""

    name: str
    every: float
    look: Callable[[Clock, Broker], object]


class Watching:
    """A thread for each watch, so that a slow one keeps nobody waiting."""

    def __init__(self, watches: Sequence[Watch], clock: Clock, broker: Broker) -> None:
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(
                target=self._run, args=(each, clock, broker), name=each.name, daemon=True
            )
            for each in watches
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """Those that are in the middle of a look may finish it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(seconds / max(1, len(self._threads)))

    def _run(self, watch: Watch, clock: Clock, broker: Broker) -> None:
        pause = max(LEAST_SECONDS, real_seconds(clock, watch.every))
        while not self._stop.wait(pause):
            look(watch, clock, broker)


def look(watch: Watch, clock: Clock, broker: Broker) -> None:
    """Once; never raises."""
    try:
        watch.look(clock, broker)
    except AppError as error:
        logger.warning("watch_failed", watch=watch.name, why=error.message)
    except Exception:  # a mistake in one must not end the others
        logger.exception("watch_failed", watch=watch.name)


# --- our own ------------------------------------------------------------------------------------


def cancel_orphans(clock: Clock, broker: Broker) -> int:
    """Orders that live on though their round trip is over could open a position: cancel them."""
    with transaction() as session:
        orphans = _orphans(session, clock)
        for order in orphans:
            telling.trouble(
                session,
                clock,
                order,
                key="orphan",
                title=f"A {order.role} order of {order.symbol} outlived its trade",
                text="Its round trip is over and the broker still holds it: it is being cancelled.",
            )
    for order in orphans:
        _cancel(broker, order)
    return len(orphans)


def _orphans(session: Session, clock: Clock) -> Sequence[Order]:
    query = (
        select(Order)
        .join(RoundTrip, RoundTrip.id == Order.round_trip_id)
        .where(
            Order.done_at.is_(None),
            Order.state.in_(LIVE - {OrderState.CANCELLING}),
            Order.broker_order_id.is_not(None),
            RoundTrip.closed_at < clock.now() - grace(clock),
        )
    )
    return session.scalars(query.order_by(Order.id)).all()


def _cancel(broker: Broker, order: Order) -> None:
    try:
        why_not = broker.cancel(order.account, order.broker_order_id or "")
    except OutsideError as error:
        why_not = error.message
    logger.info("orphan_cancelled", order=order.id, why_not=why_not)


def give_up_lost(clock: Clock, _broker: Broker) -> int:
    """Orders that have not appeared for a day never went out: their round trips end."""
    with transaction() as session:
        query = select(Order).where(
            Order.state == OrderState.LOST,
            Order.done_at.is_(None),
            Order.updated_at < clock.now() - LOST_FOR,
        )
        lost = session.scalars(query.with_for_update(key_share=True)).all()
        for order in lost:
            transitions.step(
                session,
                clock,
                order,
                OrderState.LOST,
                by="tracker",
                sentence="It has not appeared for a day: it never reached the broker.",
            )
            order.done_at = clock.now()
        session.flush()
        round_trips.add_up(session, clock, lost)
    return len(lost)


def warn_of_missing_stops(clock: Clock, _broker: Broker) -> int:
    """Shares whose stop is gone, with nobody closing them: a person must know."""
    with transaction() as session:
        trips = [trip for trip in _held(session) if not _is_protected(session, trip, clock)]
        for trip in trips:
            entry = _orders(session, trip, (Role.ENTRY,))[0]
            telling.trouble(
                session,
                clock,
                entry,
                key="unprotected",
                title=f"{telling.number(trip.entered - trip.left)} {trip.symbol} have no stop",
                text=f"No stop order of {trip.strategy_name}'s trade works at the broker any more."
                " Close the position, or place a stop by hand.",
            )
    return len(trips)


def _held(session: Session) -> Sequence[RoundTrip]:
    query = select(RoundTrip).where(
        RoundTrip.closed_at.is_(None), RoundTrip.entered > RoundTrip.left
    )
    return session.scalars(query.order_by(RoundTrip.id)).all()


def _is_protected(session: Session, trip: RoundTrip, clock: Clock) -> bool:
    """Or is about to be: what is under way, or was a moment ago, is given its time."""
    open_closing = select(Closing.id).where(
        Closing.round_trip_id == trip.id, Closing.done_at.is_(None)
    )
    if session.scalar(open_closing.limit(1)) is not None:
        return True
    stops = _orders(session, trip, (Role.STOP, Role.EXIT, Role.FLATTEN))
    since = clock.now() - grace(clock)
    return any(order.done_at is None or order.updated_at > since for order in stops)


def grace(clock: Clock) -> timedelta:
    """How long something may look odd before it is."""
    of_the_machine = LEAST_GRACE_SECONDS / real_seconds(clock, 1.0)
    return max(GRACE, timedelta(seconds=of_the_machine))


def _orders(session: Session, trip: RoundTrip, roles: Iterable[Role]) -> Sequence[Order]:
    query = select(Order).where(Order.round_trip_id == trip.id, Order.role.in_(list(roles)))
    return session.scalars(query.order_by(Order.id)).all()
