"""Whole executions while trading is halted, and on a day that lost too much."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backend.core.database import transaction
from backend.executions.models import Status
from backend.portfolio import equity, halts, limits
from backend.workflow.outcome import Outcome
from tests.support.live_engine import Engine, definition, read


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def pull(engine: Engine, **halt: Any) -> None:
    with transaction() as session:
        usual = {"scope": "all", "reason": "odd fills", "actor": "person:ann"}
        halts.pull(session, engine.clock, **usual | halt)


def selected_account(engine: Engine) -> str:
    return next(each.id for each in engine.tools.broker.accounts() if each.is_selected)


def run(engine: Engine, strategy_id: int | None = None, **changes: Any) -> tuple[Any, Any, str]:
    execution, records = engine.run(definition(**changes))
    assert execution.status is Status.FINISHED
    assert records[0].step == "preflight"
    return execution.outcome, execution.reason_code, execution.reason or ""


def test_while_everything_is_halted_executions_end_with_who_when_and_why(engine: Engine) -> None:
    pull(engine)
    outcome, code, reason = run(engine)
    assert (outcome, code) == (Outcome.SKIPPED, "halted")
    assert reason.startswith(
        "All trading is halted since 2026-11-20 20:30 UTC by person:ann: odd fills."
    )


def test_an_account_that_is_halted_stops_its_strategies_only(engine: Engine) -> None:
    pull(engine, scope="account", target="DU0000000")
    assert run(engine, name="One")[0] is Outcome.OBSERVED
    pull(engine, scope="account", target=selected_account(engine))
    assert run(engine, name="Two")[:2] == (Outcome.SKIPPED, "halted")


def test_a_strategy_that_is_halted_stops_and_others_go_on(engine: Engine) -> None:
    halted, other = engine.save(definition(name="One")), engine.save(definition(name="Two"))
    pull(engine, scope="strategy", target=str(halted.id))
    ends = []
    for strategy in (halted, other):
        [execution_id] = engine.start(strategy)
        engine.executor.run(execution_id)
        ends.append(read(execution_id)[0].outcome)
    assert ends == [Outcome.SKIPPED, Outcome.OBSERVED]


def test_a_halt_shows_even_while_nobody_is_logged_in(engine: Engine) -> None:
    engine.gateway.control.session("logged_out")
    pull(engine)
    assert run(engine)[:2] == (Outcome.SKIPPED, "halted")


def test_the_file_alone_stops_executions_until_it_is_gone(engine: Engine, folder: Path) -> None:
    (folder / "HALT").write_text("odd fills\n")
    outcome, code, reason = run(engine, name="One")
    assert (outcome, code) == (Outcome.SKIPPED, "halted")
    assert "HALT: odd fills." in reason
    (folder / "HALT").unlink()
    assert run(engine, name="Two")[0] is Outcome.OBSERVED


def see(engine: Engine, day_pnl: str) -> None:
    snapshot = engine.tools.broker.account_snapshot(selected_account(engine))
    with transaction() as session:
        equity.record(session, replace(snapshot, day_pnl=Decimal(day_pnl)), is_simulated=True)


@pytest.mark.parametrize("level", ["strategy", "account", "everything"])
def test_a_day_that_lost_too_much_is_over_before_anybody_is_asked(
    engine: Engine, level: str
) -> None:
    risk = {"max_daily_loss": 500} if level == "strategy" else {}
    if level != "strategy":
        account = selected_account(engine) if level == "account" else limits.EVERYTHING
        with transaction() as session:
            limits.save(
                session,
                engine.clock,
                account=account,
                limits=limits.checked({"max_daily_loss": 500}),
                actor="person:ann",
            )
    see(engine, "-499.99")
    assert run(engine, name="One", risk=risk)[0] is Outcome.OBSERVED
    see(engine, "-500")
    outcome, code, reason = run(engine, name="Two", risk=risk)
    assert (outcome, code) == (Outcome.BLOCKED, "max_daily_loss")
    assert level in reason
    assert "The day's loss was 500" in reason


def test_a_loss_that_was_seen_long_ago_decides_nothing_before_the_broker_is_asked(
    engine: Engine,
) -> None:
    see(engine, "-500")
    engine.advance(minutes=11)
    engine.tools.broker.ensure_session()
    assert run(engine, risk={"max_daily_loss": 500})[0] is Outcome.OBSERVED
