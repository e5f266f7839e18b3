"""What a tracker looks after once the execution of an order has ended."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from backend.core.database import transaction
from backend.papergateway.faults import FaultKind
from backend.portfolio.orders import following, transitions, watching
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.order_state import OrderState
from backend.workflow.outcome import Outcome
from tests.portfolio.orders.test_safe_endings import (
    TRADE,
    assert_nothing_lives,
    fault,
    orders,
    positions,
    trips,
    working,
)
from tests.support.live_engine import Engine, definition


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def run(engine: Engine, **changes: Any) -> Any:
    return engine.run(definition(**TRADE | changes))[0]


def watch(engine: Engine) -> None:
    watching.watch(engine.clock, engine.tools.broker, sleep=engine.gateway.control.advance)


def order_of(role: Role) -> Order:
    return next(order for order in orders() if order.role is role)


def cancel(engine: Engine, role: Role, *, by: str) -> None:
    """As somebody at another platform does, or a person through us."""
    order = order_of(role)
    engine.tools.broker.cancel(order.account, order.broker_order_id or "")
    if by.startswith("person:"):
        with transaction() as session:
            kept = session.get_one(Order, order.id)
            transitions.step(
                session, engine.clock, kept, OrderState.CANCELLING, by=by, sentence="Cancelled."
            )
    engine.gateway.control.advance(2)
    listed = engine.tools.broker.orders(order.account)
    with transaction() as session:
        following.apply(session, engine.clock, order.account, listed)


def test_a_whole_bracket_is_left_alone(engine: Engine) -> None:
    run(engine)
    watch(engine)
    assert len(orders()) == 3
    assert trips()[0].document.get("troubles") is None


def test_a_stop_that_is_cancelled_elsewhere_is_replaced(engine: Engine) -> None:
    run(engine)
    cancel(engine, Role.STOP, by="elsewhere")
    watch(engine)
    [stop] = working(engine)
    assert (stop["orderType"], stop["totalSize"]) == ("Stop", 100.0)
    watch(engine)
    assert len(working(engine)) == 1


def test_a_stop_that_a_person_took_away_stays_away(engine: Engine) -> None:
    run(engine)
    cancel(engine, Role.STOP, by="person:ann")
    watch(engine)
    assert {order.role for order in orders()} == {Role.ENTRY, Role.STOP, Role.TARGET}
    assert len(orders()) == 3


def test_orders_whose_execution_is_gone_are_looked_up_and_not_sent_again(engine: Engine) -> None:
    run(engine)
    with transaction() as session:
        session.execute(update(Order).values(state=OrderState.SENDING, done_at=None, filled=0))
        session.execute(update(RoundTrip).values(entered=0))
    watch(engine)
    assert {order.state for order in orders()} == {OrderState.SENDING}
    engine.advance(minutes=6)
    watch(engine)
    assert order_of(Role.ENTRY).state is OrderState.FILLED
    assert trips()[0].entered == Decimal(100)
    assert len(engine.gateway.control.books()["orders"]) == 3


def test_a_reservation_that_nothing_will_send_is_given_back(engine: Engine) -> None:
    fault(engine, FaultKind.RATE_LIMIT)
    execution = run(engine)
    assert execution.outcome is None
    assert {order.state for order in orders()} == {OrderState.PLANNED}
    watch(engine)
    assert {order.state for order in orders()} == {OrderState.PLANNED}
    engine.advance(hours=4)
    watch(engine)
    assert {order.state for order in orders()} == {OrderState.WITHDRAWN}
    assert_nothing_lives(engine)


def test_an_order_that_turns_up_after_it_was_given_up_is_cancelled(engine: Engine) -> None:
    execution = run(engine, orders__tif="OPG")
    assert execution.outcome is Outcome.ORDERED
    with transaction() as session:
        trip = session.scalars(select(RoundTrip)).one()
        ending = {"outcome": "failed", "code": "order_lost", "sentence": "It was not found."}
        trip.document = {**trip.document, "ending": ending}
    watch(engine)
    assert working(engine) == []
    assert positions(engine) == {}
    assert "turned up" in trips()[0].document["troubles"][0]
