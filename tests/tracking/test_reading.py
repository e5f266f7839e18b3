"""Reading everything anew, on the paper gateway: what was missed is caught up."""

from decimal import Decimal

import pytest
from sqlalchemy import select

from backend.brokers.client_portal import ClientPortalBroker
from backend.core.database import transaction
from backend.notifications.models import Notification
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from backend.portfolio.books import drift
from backend.portfolio.books.models import AccountBooks, Fill
from backend.portfolio.orders.models import Order
from backend.portfolio.tracking.reading import MOST_DAYS, Reader
from backend.trading.order_state import OrderState
from tests.brokers.tickets import AAPL
from tests.tracking.conftest import Desk, differences, read, state_of, trip_of

ORDERS = "iserver/account/*/orders"


def titles() -> list[str]:
    with transaction() as session:
        return list(session.scalars(select(Notification.title).order_by(Notification.id)))


def test_a_bracket_that_nobody_followed_is_caught_up_whole(
    desk: Desk, reader: Reader, gateway: RunningGateway
) -> None:
    rows = desk.bracket()
    gateway.control.advance(10)
    reader.read()
    assert [state_of(row) for row in rows.values()] == ["filled", "held", "working"]
    trip = trip_of(rows["entry"])
    assert trip.entered == 10
    assert trip.entry_price == read(rows["entry"]).average_price
    assert trip.commission > 0
    assert differences(gateway) == []
    assert any(title.startswith("Bought 10 AAPL at ") for title in titles())


def test_a_late_commission_is_told_by_a_later_reading(
    desk: Desk, reader: Reader, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("late_commission", ORDERS, seconds=300, times=1)
    rows = desk.bracket()
    gateway.control.advance(10)
    reader.read()
    assert trip_of(rows["entry"]).commission == 0
    gateway.control.advance(300)
    reader.read()
    assert trip_of(rows["entry"]).commission > 0
    assert differences(gateway) == []


def test_fills_of_days_ago_are_caught_up(
    desk: Desk, reader: Reader, gateway: RunningGateway, broker: ClientPortalBroker
) -> None:
    rows = desk.bracket()
    gateway.control.advance(3 * 86_400)
    broker.ensure_session()
    reader.read(days=MOST_DAYS)
    with transaction() as session:
        assert session.scalars(select(Fill)).all()
    assert trip_of(rows["entry"]).entered == 10
    assert state_of(rows["stop"]) is OrderState.HELD


def test_a_stop_that_struck_closes_the_round_trip(
    desk: Desk, reader: Reader, gateway: RunningGateway
) -> None:
    rows = desk.bracket()
    gateway.control.advance(10)
    reader.read()
    # A stop above the market strikes at once.
    desk.move(rows["stop"], int(desk.price * Decimal("1.2")))
    gateway.control.advance(30)
    reader.read()
    trip = trip_of(rows["entry"])
    assert [trip.exit_reason, trip.left, state_of(rows["target"])] == ["stop", 10, "cancelled"]
    assert trip.gross_pnl is not None
    assert trip.closed_at is not None
    assert differences(gateway) == []


def test_a_trade_by_hand_elsewhere_is_drift_after_the_second_look(
    desk: Desk, reader: Reader, gateway: RunningGateway
) -> None:
    gateway.control.trade("AAPL", "BUY", 7)
    gateway.control.advance(12)
    assert reader.read().is_doubtful
    with transaction() as session:
        assert drift.blocking(session, ACCOUNT) == []
    gateway.control.advance(12)
    (row,) = reader.read().look.confirmed
    assert [row.conid, row.ours, row.brokers] == [AAPL, 0, 7]
    assert titles() == ["The broker holds 7 AAPL, we expected 0"]
    with transaction() as session:
        assert session.scalars(select(Fill.order_id)).all() == [None]


@pytest.mark.parametrize("kind", ["child_cancelled", "order_refused_later"])
def test_what_the_brokers_system_cancels_is_followed_with_its_reason(
    desk: Desk, reader: Reader, gateway: RunningGateway, kind: str
) -> None:
    gateway.control.add_fault(kind, ORDERS, times=1)
    rows = desk.bracket()
    gateway.control.advance(10)
    reader.read()
    assert differences(gateway) == []
    cancelled = rows["stop"] if kind == "child_cancelled" else rows["entry"]
    assert state_of(cancelled) is OrderState.CANCELLED
    assert read(cancelled).reason


def test_an_order_that_the_broker_has_forgotten_is_over_after_a_long_doubt(
    broker: ClientPortalBroker, desk: Desk, gateway: RunningGateway
) -> None:
    passed = [0.0]
    reader = Reader(broker, gateway.world.clock, ACCOUNT, monotonic=lambda: passed[0])
    rows = desk.bracket()
    gateway.control.advance(10)
    reader.read()
    with transaction() as session:
        session.get_one(Order, rows["target"].id).broker_order_id = "999"
        session.get_one(Order, rows["target"].id).client_order_id = "gb-forgotten"
    gateway.control.advance(10)
    for moment, state in ((0, "working"), (200, "working"), (320, "cancelled")):
        passed[0] = moment
        reader.read()
        assert state_of(rows["target"]) == state
    assert read(rows["target"]).reason is not None


def test_an_entry_that_is_over_for_us_and_works_at_the_broker_is_cancelled_there(
    broker: ClientPortalBroker, desk: Desk, gateway: RunningGateway
) -> None:
    passed = [0.0]
    reader = Reader(broker, gateway.world.clock, ACCOUNT, monotonic=lambda: passed[0])
    rows = desk.bracket(limit=int(desk.price * Decimal("0.9")))
    with transaction() as session:
        entry = session.get_one(Order, rows["entry"].id)
        entry.state, entry.done_at = OrderState.WITHDRAWN, gateway.world.clock.now()
    for moment in (0, 10):
        passed[0] = moment
        reader.read()
        gateway.control.advance(10)
    statuses = {each["order_ref"]: each["status"] for each in gateway.control.books()["orders"]}
    assert statuses["gb-1-entry"] == "Cancelled"
    assert "An order that was over works at the broker: entry of AAPL" in titles()


def test_the_moment_of_a_reading_is_kept(reader: Reader, gateway: RunningGateway) -> None:
    with transaction() as session:
        books = session.get_one(AccountBooks, ACCOUNT)
    assert books.read_at is not None
    assert books.opened_at is not None
    assert books.looked_at is not None
