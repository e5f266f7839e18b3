"""From a signal to a bracketed position at the paper gateway."""

from decimal import Decimal
from typing import Any

from sqlalchemy import select

from backend.core.database import transaction
from backend.executions.verify import verify
from backend.portfolio.orders.models import Order, OrderQuestion, RoundTrip
from backend.trading.order_state import OrderState
from backend.workflow.outcome import Outcome
from tests.support.live_engine import Engine, definition, read


def orders() -> list[Order]:
    with transaction() as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


def trip() -> RoundTrip:
    with transaction() as session:
        return session.scalars(select(RoundTrip)).one()


def at_the_broker(engine: Engine) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine.gateway.control.books()["orders"]
    return found


def test_mode_trade_opens_a_bracketed_position(engine: Engine) -> None:
    execution, records = engine.run(definition(mode="trade"))
    assert (execution.outcome, execution.reason_code) == (Outcome.ORDERED, "filled")
    assert (execution.reason or "").startswith("Bought 313 AAPL at 506.84 for 2.00 USD")
    assert [each.step for each in records[-2:]] == ["place_orders", "reconcile"]
    assert {order.client_order_id.rpartition("-")[2]: order.state for order in orders()} == {
        "entry": OrderState.FILLED,
        "stop": OrderState.HELD,
        "t1": OrderState.WORKING,
        "entry2": OrderState.FILLED,
        "stop2": OrderState.HELD,
        "t2": OrderState.WORKING,
    }
    assert trip().entered == Decimal(313)
    assert trip().closed_at is None
    with transaction() as session:
        assert verify(session, engine.tools.storage, execution).is_intact


def test_every_target_has_a_stop_over_the_same_shares(engine: Engine) -> None:
    engine.run(definition(mode="trade"))
    by_parent: dict[int | None, set[Decimal]] = {}
    for order in orders():
        by_parent.setdefault(order.parent_id or order.id, set()).add(order.quantity)
    assert sorted(by_parent.values(), key=min) == [{Decimal(156)}, {Decimal(157)}]


def test_what_the_broker_asked_is_kept_with_what_answered(engine: Engine) -> None:
    engine.run(definition(mode="trade"))
    with transaction() as session:
        asked = session.scalars(select(OrderQuestion)).all()
    assert {each.message_ids[0] for each in asked} == {"o10331", "o10152", "o163"}
    assert {each.answer for each in asked} == {"yes"}
    assert "policy: o10331 is covered" in {each.answered_by for each in asked}


def test_a_strategy_that_is_in_already_does_not_enter_again(engine: Engine) -> None:
    strategy = engine.save(definition(mode="trade"))
    for _ in range(2):
        execution_id = engine.start(strategy)[0]
        engine.executor.run(execution_id)
        engine.advance(minutes=1)
    execution, _records = read(execution_id)
    assert (execution.outcome, execution.reason_code) == (Outcome.BLOCKED, "already_in")
    assert "round trip 1 (long) is open" in (execution.reason or "")
    assert len(orders()) == 6
    assert len(at_the_broker(engine)) == 6
