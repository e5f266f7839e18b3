"""A trailing stop is one that the broker holds and moves, at the paper gateway."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.database import transaction
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.workflow.outcome import Outcome
from tests.support.held_trades import followed, held
from tests.support.live_engine import Engine, definition


@pytest.fixture(autouse=True)
def folder(db: str, tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def stops() -> list[Order]:
    with transaction() as session:
        query = select(Order).where(Order.role == Role.STOP).order_by(Order.id)
        return list(session.scalars(query))


def run(engine: Engine, **exits: Any) -> Outcome | None:
    execution, _ = engine.run(definition(mode="trade", exits=exits))
    return execution.outcome


@pytest.mark.parametrize(
    ("exits", "distance"),
    [
        ({"trailing": "percent", "trailing_fraction": "0.002"}, Decimal("1.02")),
        ({"trailing": "atr", "trailing_multiple": "0.1"}, None),
    ],
)
def test_the_broker_holds_it_at_its_distance(
    engine: Engine, exits: dict[str, Any], distance: Decimal | None
) -> None:
    assert run(engine, **exits) is Outcome.ORDERED
    followed(engine)
    found = stops()
    assert {each.order_type for each in found} == {"TRAIL"}
    [trail] = {each.trail for each in found}
    assert trail is not None
    assert trail > 0
    assert distance is None or trail == distance
    at_gateway = [
        each
        for each in engine.gateway.control.books()["orders"]
        if str(each["origOrderType"]).startswith("TRAIL")
    ]
    assert len(at_gateway) == len(found)


def test_a_price_that_turns_by_that_much_closes_the_round_trip(engine: Engine) -> None:
    assert run(engine, trailing="percent", trailing_fraction="0.0005") is Outcome.ORDERED
    for _ in range(60):
        if held(engine) == 0:
            break
        engine.advance(seconds=20)
    engine.tools.broker.ensure_session()
    followed(engine)
    assert held(engine) == 0
    with transaction() as session:
        trip = session.scalars(select(RoundTrip)).one()
    assert trip.exit_reason == "trailing"
