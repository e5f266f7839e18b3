"""What is looked at beside the following: orphans, missing stops, orders that never appeared."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select

from backend.brokers.client_portal import ClientPortalBroker
from backend.core.clock import ManualClock, SimulatedClock
from backend.core.database import transaction
from backend.notifications.models import Notification
from backend.papergateway.running import RunningGateway
from backend.portfolio.orders.models import Closing, ClosingState, Order, Role, RoundTrip
from backend.portfolio.tracking import watches
from backend.portfolio.tracking.reading import Reader
from backend.trading.order_state import OrderState
from tests.support import trades
from tests.support.live_engine import FRIDAY
from tests.tracking.conftest import Desk, read, state_of, trip_of


def titles() -> list[str]:
    with transaction() as session:
        return list(session.scalars(select(Notification.title).order_by(Notification.id)))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(FRIDAY)


def held_trade(**changes: object) -> Order:
    """A hundred shares in hand; gives the stop, which was cancelled on Friday."""
    with transaction() as session:
        trip = trades.round_trip(session, entered=Decimal(100), entry_price=Decimal(200))
        trades.order(session, trip, Role.ENTRY, state=OrderState.FILLED, done_at=FRIDAY)
        usual = {"state": OrderState.CANCELLED, "done_at": FRIDAY}
        return trades.order(session, trip, Role.STOP, **usual | changes)


def test_a_leg_that_outlives_its_trade_is_cancelled_at_the_broker(
    desk: Desk, reader: Reader, broker: ClientPortalBroker, gateway: RunningGateway
) -> None:
    rows = desk.bracket()
    gateway.control.advance(10)
    reader.read()
    with transaction() as session:
        trip = session.get_one(RoundTrip, rows["entry"].round_trip_id)
        trip.closed_at, trip.exit_reason = gateway.world.clock.now(), "hand"
    assert watches.cancel_orphans(gateway.world.clock, broker) == 0
    gateway.control.advance(30)
    assert watches.cancel_orphans(gateway.world.clock, broker) == 2
    gateway.control.advance(10)
    reader.read()
    assert [state_of(rows["stop"]), state_of(rows["target"])] == ["cancelled", "cancelled"]
    assert "A stop order of AAPL outlived its trade" in titles()
    assert watches.cancel_orphans(gateway.world.clock, broker) == 0
    assert trip_of(rows["entry"]).exit_reason == "hand"


def test_however_fast_the_clock_runs_news_has_seconds_to_come() -> None:
    fast = SimulatedClock(start=FRIDAY, speed=60, begun_at=FRIDAY)
    assert watches.grace(fast) == timedelta(seconds=600)
    assert watches.grace(ManualClock(FRIDAY)) == timedelta(seconds=20)


def test_shares_without_a_stop_are_told_of_once(
    db: str, broker: ClientPortalBroker, clock: ManualClock
) -> None:
    held_trade()
    assert watches.warn_of_missing_stops(clock, broker) == 0  # It may be about to be replaced.
    clock.advance(seconds=30)
    assert watches.warn_of_missing_stops(clock, broker) == 1
    watches.warn_of_missing_stops(clock, broker)
    assert titles() == ["100 AAPL have no stop"]


def test_a_stop_that_works_or_a_closing_under_way_is_protection_enough(
    db: str, broker: ClientPortalBroker, clock: ManualClock
) -> None:
    held_trade(state=OrderState.HELD, done_at=None)
    clock.advance(seconds=30)
    assert watches.warn_of_missing_stops(clock, broker) == 0


def test_what_is_being_closed_needs_no_stop(
    db: str, broker: ClientPortalBroker, clock: ManualClock
) -> None:
    stop = held_trade()
    with transaction() as session:
        closing = Closing(account=stop.account, conid=stop.conid, symbol="AAPL", reason="hand")
        closing.round_trip_id, closing.asked_at, closing.asked_by = stop.round_trip_id, FRIDAY, "x"
        closing.state, closing.outcome = ClosingState.ASKED, "It is about to be closed."
        session.add(closing)
    clock.advance(seconds=30)
    assert watches.warn_of_missing_stops(clock, broker) == 0


def test_a_lost_entry_is_given_up_after_a_day_and_its_trade_ends(
    db: str, broker: ClientPortalBroker, clock: ManualClock
) -> None:
    with transaction() as session:
        trip = trades.round_trip(session)
        lost = trades.order(session, trip, Role.ENTRY, state=OrderState.LOST)
    clock.moment = FRIDAY + timedelta(hours=23)
    assert watches.give_up_lost(clock, broker) == 0
    clock.moment = FRIDAY + timedelta(hours=25)
    assert watches.give_up_lost(clock, broker) == 1
    assert read(lost).done_at == clock.moment
    assert [trip_of(lost).closed_at, trip_of(lost).exit_reason] == [clock.moment, "not_filled"]


def test_readings_see_the_best_and_the_worst_price(
    desk: Desk, reader: Reader, gateway: RunningGateway
) -> None:
    rows = desk.bracket()
    gateway.control.advance(10)
    reader.read()
    for _ in range(8):
        gateway.control.advance(120)
        desk.broker.ensure_session()
        reader.read()
    trip = trip_of(rows["entry"])
    assert trip.best_price is not None
    assert trip.worst_price is not None
    assert trip.worst_price < trip.best_price
