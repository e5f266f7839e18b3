"""Exits of open round trips that the broker does not know of: time, and break-even."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock, to_ms
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.core.logging import get_logger
from backend.core.values import Timeframe
from backend.exchange import calendars, sessions
from backend.portfolio.orders import closings, moving_stops, round_trips
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.exits import Exits, Side, break_even_stop
from backend.trading.order_state import LIVE
from backend.trading.signal import Action

logger = get_logger(__name__)

BY = "exits"


def watch(clock: Clock, broker: Broker) -> None:
    """Look at every round trip that holds shares; what goes wrong with one stops no other."""
    for trip_id in _open(clock):
        try:
            _look(clock, broker, trip_id)
        except AppError as error:
            # The old stop is still there; the next look tries again.
            logger.warning("exit_not_looked_at", round_trip=trip_id, why=error.message)


def _open(clock: Clock) -> list[int]:
    with transaction() as session:
        query = select(RoundTrip.id).where(
            RoundTrip.closed_at.is_(None), RoundTrip.entered > RoundTrip.left
        )
        return list(session.scalars(query.order_by(RoundTrip.id)))


def _look(clock: Clock, broker: Broker, trip_id: int) -> None:
    with transaction() as session:
        trip = session.get_one(RoundTrip, trip_id)
        exits = of(trip)
        if exits is None or trip.opened_at is None:
            return
        if is_time_up(exits, trip.opened_at, clock.now()):
            closings.ask_once(session, clock, trip, reason="time", by=BY)
            return
        stops = _stops_to_judge(session, trip, exits)
    if stops:
        _break_even(clock, broker, trip_id, exits, stops)


def of(trip: RoundTrip) -> Exits | None:
    """As they were planned with its order; None where the record cannot be read."""
    try:
        return Exits.model_validate(trip.document.get("plan", {}).get("exits", {}))
    except (ValidationError, AttributeError) as error:
        logger.error("exits_unreadable", round_trip=trip.id, why=str(error)[:200])
        return None


def is_time_up(exits: Exits, opened_at: datetime, now: datetime) -> bool:
    """Whether its time stop has come, and the exchange is open to follow it."""
    if exits.time_stop_minutes is not None:
        is_over = now - opened_at >= timedelta(minutes=exits.time_stop_minutes)
    elif exits.time_stop_bars is not None and exits.timeframe is not None:
        closed = bars_closed(exits.calendar, exits.timeframe, opened_at, now)
        is_over = closed >= exits.time_stop_bars
    else:
        return False
    return is_over and sessions.is_open(calendars.calendar(exits.calendar), now)


_LONGEST_BAR = timedelta(days=40)


def bars_closed(name: str, timeframe: Timeframe, since: datetime, until: datetime) -> int:
    """Bars of regular hours that closed after `since` and by `until`; the one under way counts."""
    calendar = calendars.calendar(name)
    starts = sessions.expected_starts(calendar, timeframe, since - _LONGEST_BAR, until)
    closes = sessions.bar_close_ms(calendar, timeframe, starts)
    return int(np.count_nonzero((closes > to_ms(since)) & (closes <= to_ms(until))))


# --- break-even -----------------------------------------------------------------------------------


def _stops_to_judge(session: Session, trip: RoundTrip, exits: Exits) -> Sequence[int]:
    """Those at the broker that are not at the entry yet; none where nothing is to be moved."""
    if exits.break_even_after_r is None or trip.entry_price is None:
        return ()
    query = select(Order).where(
        Order.round_trip_id == trip.id,
        Order.role == Role.STOP,
        Order.order_type == "STP",
        Order.state.in_(LIVE),
        Order.broker_order_id.is_not(None),
    )
    sign = 1 if trip.side == Action.BUY else -1
    entry = trip.entry_price
    return [
        each.id
        for each in session.scalars(query.order_by(Order.id))
        if each.stop_price is not None and (entry - each.stop_price) * sign >= exits.tick
    ]


def _break_even(
    clock: Clock, broker: Broker, trip_id: int, exits: Exits, stops: Sequence[int]
) -> None:
    with transaction() as session:
        conid = session.get_one(RoundTrip, trip_id).conid
    last = broker.quote(conid).last
    for stop_id in stops:
        level = _level(trip_id, stop_id, exits, last)
        if level is not None:
            moving_stops.move(clock, broker, stop_id, level, by=BY)


def _level(trip_id: int, stop_id: int, exits: Exits, last: Decimal | None) -> Decimal | None:
    """
    Where the stop belongs now. A price that has come back to the entry already leaves it where it
    is: a stop beyond the market would be an order to sell at once.
    """
    with transaction() as session:
        trip = session.get_one(RoundTrip, trip_id, with_for_update={"key_share": True})
        stop = session.get_one(Order, stop_id)
        if last is not None:
            round_trips.see(trip, last)
        if trip.entry_price is None or trip.best_price is None or stop.stop_price is None:
            return None
        side: Side = Action.BUY if trip.side == Action.BUY else Action.SELL
        level = break_even_stop(
            exits,
            side=side,
            entry=trip.entry_price,
            first_stop=trip.stop,
            stop=stop.stop_price,
            best=trip.best_price,
        )
        sign = 1 if side is Action.BUY else -1
        is_beyond = level is not None and last is not None and (last - level) * sign <= 0
        return None if is_beyond else level
