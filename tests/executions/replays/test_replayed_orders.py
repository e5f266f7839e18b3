"""A replay of an execution that placed orders places none, and changes none."""

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import func, select

from backend.core.database import transaction
from backend.portfolio.orders.models import Order, OrderTransition
from backend.workflow.outcome import Outcome
from tests.executions.replays.test_replay_facts import run
from tests.portfolio.orders.test_safe_endings import TRADE
from tests.support.live_engine import Engine, definition


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, set_env: Callable[..., None]) -> None:
    set_env(GLASSBOX_HOME=str(tmp_path))


def counted() -> tuple[int | None, int | None]:
    with transaction() as session:
        orders = session.scalar(select(func.count(Order.id)))
        return orders, session.scalar(select(func.count(OrderTransition.id)))


@pytest.mark.parametrize("first", [None, "size_and_check_risk"])
def test_a_replay_sends_no_orders(engine: Engine, first: str | None) -> None:
    source, _ = engine.run(definition(**TRADE))
    assert source.outcome is Outcome.ORDERED
    before = counted(), engine.gateway.control.books()["orders"]
    replayed, records = run(engine, source.id, first)
    assert (replayed.outcome, replayed.reason_code) == (Outcome.OBSERVED, "replay")
    assert records[-2].reason == "A replay sends no orders and changes none."
    assert (counted(), engine.gateway.control.books()["orders"]) == before
