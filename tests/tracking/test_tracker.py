"""The process: who leads, who takes over, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from backend.brokers.base import Broker
from backend.core import database, heartbeats
from backend.core.clock import Clock
from backend.core.database import DatabaseAway, transaction
from backend.core.errors import OutsideError, SessionDown
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from backend.portfolio.books.models import AccountBooks
from backend.portfolio.tracking.leading import Lead
from backend.portfolio.tracking.watches import Watch, Watching
from backend.tracker import Tracker
from backend.trading.order_state import OrderState
from tests.brokers.conftest import MakeBroker
from tests.tracking.conftest import Desk, as_in_production, state_of, until

ROOT = Path(__file__).parents[2]


def test_one_leads_and_the_next_one_follows_when_it_ends(db: str) -> None:
    first, second = Lead("tracking DU1"), Lead("tracking DU1")
    assert first.is_ours()
    assert first.is_ours()
    assert not second.is_ours()
    first.release()
    assert second.is_ours()
    second.release()


def test_a_connection_that_dies_takes_the_lead_with_it(db: str) -> None:
    first, second = Lead("tracking DU1"), Lead("tracking DU1")
    assert first.is_ours()
    end_all_connections()
    with pytest.raises(DatabaseAway):
        first.is_ours()
    assert second.is_ours()
    assert not first.is_ours()
    second.release()
    assert first.is_ours()
    first.release()


def end_all_connections() -> None:
    with database.engine().connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND application_name = 'glassbox'"
            )
        )


MakeTracker = Callable[..., Tracker]


@pytest.fixture
def make_tracker(
    db: str, make_broker: MakeBroker, gateway: RunningGateway
) -> Iterator[MakeTracker]:
    made: list[Tracker] = []

    def make(name: str, **rest: Any) -> Tracker:
        broker = make_broker(sleep=as_in_production)
        broker.ensure_session()
        tracker = Tracker(broker, gateway.world.clock, name=name, watches=(), **rest)
        made.append(tracker)
        return tracker

    yield make
    for tracker in made:
        tracker.stop()
        tracker.run()


def test_of_two_trackers_one_follows_and_the_other_takes_over(
    make_tracker: MakeTracker, desk: Desk, gateway: RunningGateway
) -> None:
    first, second = make_tracker("first"), make_tracker("second")
    for tracker in (first, second, first, second):
        tracker.turn()
    assert [first.follows, second.follows] == [{ACCOUNT}, frozenset()]
    first.stop()
    first.run()
    second.turn()
    assert [first.follows, second.follows] == [frozenset(), {ACCOUNT}]
    until(lambda: followed_by() == "second")
    rows = desk.bracket()
    until(lambda: state_of(rows["entry"]) is OrderState.FILLED)


def followed_by() -> str | None:
    with transaction() as session:
        books = session.get(AccountBooks, ACCOUNT)
        return None if books is None or books.stream_since is None else books.followed_by


def test_a_gateway_that_is_away_at_the_start_is_asked_again(
    make_tracker: MakeTracker, gateway: RunningGateway
) -> None:
    gateway.control.session("logged_out")
    tracker = make_tracker("early")
    with pytest.raises(SessionDown):
        tracker.turn()
    gateway.control.session("ready")

    def follows() -> bool:
        gateway.control.advance(10)
        with suppress(OutsideError):
            tracker.turn()
        return tracker.follows == {ACCOUNT}

    until(follows)


def test_a_watch_that_breaks_stops_no_other(db: str, make_broker: MakeBroker) -> None:
    looked: list[str] = []

    def look(clock: Clock, broker: Broker) -> None:
        looked.append("well")

    def break_down(clock: Clock, broker: Broker) -> None:
        looked.append("broken")
        raise ZeroDivisionError

    broker = make_broker()
    watching = Watching(
        (Watch("broken", 1, break_down), Watch("well", 1, look)), broker._clock, broker
    )
    watching.start()
    until(lambda: looked.count("broken") > 1 and looked.count("well") > 1)
    watching.stop()


def test_the_process_follows_gives_signs_of_life_and_ends_when_told(
    desk: Desk, gateway: RunningGateway, redis_server: str
) -> None:
    environment = {
        **os.environ,
        "IBKR_GATEWAY_URL": gateway.url,
        "IBKR_GATEWAY_CERTIFICATE": str(gateway.certificate),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "backend.tracker"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        until(lambda: bool(heartbeats.last_seen("tracker")))
        until(lambda: followed_by() is not None, 60)
        rows = desk.bracket()
        until(lambda: state_of(rows["entry"]) is OrderState.FILLED)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        _, log = process.communicate()
    assert "tracker_stopped" in log
    assert "Traceback" not in log
