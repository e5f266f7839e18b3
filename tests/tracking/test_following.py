"""An account followed by stream and readings, through everything that breaks either."""

from collections.abc import Callable

import pytest
from sqlalchemy import select, text

from backend.core import database
from backend.core.database import transaction
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from backend.portfolio.books.models import AccountBooks, Fill
from backend.portfolio.orders.models import Order
from backend.portfolio.tracking.follower import Pace
from backend.trading.order_state import OrderState
from tests.tracking.conftest import Desk, StartFollower, differences, state_of, trip_of, until


def agrees(gateway: RunningGateway, rows: dict[str, Order]) -> Callable[[], bool]:
    """Its entry is filled, and our books are the broker's."""

    def look() -> bool:
        gateway.control.advance(3)
        return trip_of(rows["entry"]).entered == 10 and not differences(gateway)

    return look


def test_the_stream_tells_before_any_reading(
    desk: Desk, start_follower: StartFollower, gateway: RunningGateway
) -> None:
    follower = start_follower(Pace(usual=600, soon=600))
    rows = desk.bracket()
    until(lambda: state_of(rows["entry"]) is OrderState.FILLED)
    until(agrees(gateway, rows))
    with transaction() as session:
        assert "stream" in session.scalars(select(Fill.seen_by)).all()
        books = session.get_one(AccountBooks, ACCOUNT)
    assert books.followed_by == "test"
    assert books.stream_since is not None
    assert follower.is_following


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("frame_lost", "s*r"),
        ("frame_twice", "s*r"),
        ("frame_late", "s*r"),
        ("frame_bytes", "s*r"),
        ("frame_cut", "s*r"),
        ("no_heartbeat", "system"),
        ("late_commission", "iserver/account/*/orders"),
        ("partial_fill", "iserver/account/*/orders"),
        ("error", "iserver/account/orders"),
        ("fake_401", "iserver/account/trades"),
        ("drop", "portfolio*"),
    ],
)
def test_whatever_breaks_the_two_books_agree_in_the_end(
    desk: Desk, start_follower: StartFollower, gateway: RunningGateway, kind: str, path: str
) -> None:
    start_follower()
    more = {"shares": 3, "seconds": 20} if kind == "partial_fill" else {}
    gateway.control.add_fault(kind, path, times=4, **more)
    rows = desk.bracket()
    until(lambda: state_of(rows["entry"]) is not OrderState.SENDING)
    until(agrees(gateway, rows))


@pytest.mark.parametrize("event", ["restart", "nightly_reset", "session_id"])
def test_a_gateway_that_comes_back_is_followed_on(
    desk: Desk, start_follower: StartFollower, gateway: RunningGateway, event: str
) -> None:
    start_follower()
    rows = desk.bracket()
    if event == "restart":
        gateway.control.restart()
    else:
        gateway.control.happen(event)
    until(agrees(gateway, rows))
    desk.broker.ensure_session()
    more = desk.bracket()
    until(lambda: state_of(more["entry"]) is OrderState.FILLED)
    until(agrees(gateway, more))


def test_a_broker_that_cannot_be_read_is_followed_by_its_stream_alone(
    desk: Desk, start_follower: StartFollower, gateway: RunningGateway
) -> None:
    start_follower()
    for path in ("iserver/account/orders", "iserver/account/trades", "portfolio*"):
        gateway.control.add_fault("error", path, status=503)
    rows = desk.bracket()
    until(lambda: state_of(rows["entry"]) is OrderState.FILLED)
    gateway.control.clear_faults()
    until(agrees(gateway, rows))


def test_who_rests_keeps_nothing_and_reads_first_when_called_back(
    desk: Desk, start_follower: StartFollower, gateway: RunningGateway
) -> None:
    follower = start_follower()
    follower.rest()
    rows = desk.bracket()
    gateway.control.advance(10)
    assert state_of(rows["entry"]) is OrderState.SENDING
    follower.lead()
    until(agrees(gateway, rows))
    assert state_of(rows["entry"]) is OrderState.FILLED


def test_a_session_that_is_down_is_waited_for(
    desk: Desk, start_follower: StartFollower, gateway: RunningGateway
) -> None:
    start_follower()
    rows = desk.bracket()
    gateway.control.session("logged_out")
    gateway.control.advance(60)
    gateway.control.session("ready")
    until(agrees(gateway, rows))


def test_a_database_that_drops_its_connections_costs_nothing(
    desk: Desk, start_follower: StartFollower, gateway: RunningGateway
) -> None:
    start_follower()
    rows = desk.bracket()
    with database.engine().connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND application_name = 'glassbox'"
            )
        )
    until(lambda: _is_filled(rows))
    until(agrees(gateway, rows))


def _is_filled(rows: dict[str, Order]) -> bool:
    try:
        return state_of(rows["entry"]) is OrderState.FILLED
    except database.DatabaseAway:
        return False
