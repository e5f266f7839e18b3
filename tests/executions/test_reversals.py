"""An opposite signal ends what is open, as the strategy says, at the paper gateway."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from backend.core.database import transaction
from backend.executions import reversals
from backend.portfolio.orders import closing
from backend.portfolio.orders.models import RoundTrip
from backend.strategies import service as strategies
from backend.strategies.models import Strategy
from backend.workflow.outcome import Outcome
from tests.support.held_trades import held
from tests.support.live_engine import Engine, definition, read

UP = {"long_when": "close > 0", "short_when": ""}
DOWN = {"long_when": "", "short_when": "close > 0"}


@pytest.fixture(autouse=True)
def folder(db: str, tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def trading(on_reversal: str, **changes: Any) -> dict[str, Any]:
    made = definition(mode="trade", exits={"on_reversal": on_reversal}, **changes)
    made["signal"] |= UP | {"allow_short": True}
    return made


def turned(engine: Engine, strategy: Strategy, document: dict[str, Any], **signal: Any) -> None:
    """The strategy's rules point down from now on."""
    document["signal"] |= DOWN | signal
    with transaction() as session:
        strategies.update(
            session,
            engine.clock,
            strategies.get(session, strategy.id),
            document=document,
            author="test",
        )


def run(engine: Engine, strategy: Strategy) -> tuple[Outcome | None, str | None, str]:
    [execution_id] = engine.start(strategy)
    engine.executor.run(execution_id)
    execution, _ = read(execution_id)
    engine.advance(seconds=30)
    return execution.outcome, execution.reason_code, execution.reason or ""


def trips() -> list[tuple[str, str | None]]:
    with transaction() as session:
        rows = session.scalars(select(RoundTrip).order_by(RoundTrip.id))
        return [(row.side, row.exit_reason) for row in rows]


def opened(engine: Engine, on_reversal: str) -> tuple[Strategy, dict[str, Any]]:
    document = trading(on_reversal)
    strategy = engine.save(document)
    assert run(engine, strategy)[0] is Outcome.ORDERED
    assert held(engine) > 0
    return strategy, document


def test_left_alone_unless_the_strategy_says_otherwise(engine: Engine) -> None:
    strategy, document = opened(engine, "ignore")
    turned(engine, strategy, document)
    assert run(engine, strategy)[:2] == (Outcome.BLOCKED, "opposite_open")
    assert reversals.watch(engine.clock, engine.tools.broker) == 0
    assert held(engine) > 0


def test_it_closes_and_enters_nothing(engine: Engine) -> None:
    strategy, document = opened(engine, "close")
    turned(engine, strategy, document)
    outcome, code, reason = run(engine, strategy)
    assert (outcome, code) == (Outcome.ORDERED, "reversal")
    assert "ends with the opposite signal" in reason
    assert held(engine) == 0
    assert trips() == [("BUY", "reversal")]


def test_it_turns_into_a_position_the_other_way(engine: Engine) -> None:
    strategy, document = opened(engine, "turn")
    turned(engine, strategy, document)
    assert run(engine, strategy)[0] is Outcome.ORDERED
    assert held(engine) < 0
    assert trips() == [("BUY", "reversal"), ("SELL", None)]


def test_a_rule_for_selling_short_closes_where_selling_short_is_not_allowed(
    engine: Engine,
) -> None:
    strategy, document = opened(engine, "close")
    turned(engine, strategy, document, allow_short=False)
    assert run(engine, strategy)[:2] == (Outcome.HELD, "short_not_allowed")
    assert held(engine) > 0
    assert reversals.watch(engine.clock, engine.tools.broker) == 1
    for _ in range(4):
        closing.watch(engine.clock, engine.tools.broker)
        engine.gateway.control.advance(5)
    assert held(engine) == 0
    assert trips() == [("BUY", "reversal")]
    assert reversals.watch(engine.clock, engine.tools.broker) == 0


def test_the_same_direction_and_observing_close_nothing(engine: Engine) -> None:
    strategy, document = opened(engine, "close")
    assert run(engine, strategy)[:2] == (Outcome.BLOCKED, "already_in")
    assert reversals.watch(engine.clock, engine.tools.broker) == 0
    document["mode"] = "observe"
    turned(engine, strategy, document)
    assert run(engine, strategy)[0] is Outcome.OBSERVED
    assert reversals.watch(engine.clock, engine.tools.broker) == 0


def test_the_page_of_the_execution_says_what_was_closed(http: TestClient, engine: Engine) -> None:
    strategy, document = opened(engine, "close")
    turned(engine, strategy, document)
    run(engine, strategy)
    assert "Round trip 1 ends with the opposite signal" in http.get("/executions/2").text
