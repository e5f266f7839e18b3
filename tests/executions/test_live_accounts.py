"""Executions whose account the gateway reports as live: nothing goes out unless it is confirmed."""

from collections.abc import Callable
from typing import Any

import pytest

from backend.core.database import transaction
from backend.executions import waiting
from backend.executions.models import Execution, Status
from backend.portfolio import approvals, live_trading
from backend.workflow.asking import ApprovalState
from backend.workflow.outcome import Outcome
from tests.support.live_engine import Engine, definition, read
from tests.support.real_money import account_of, with_real_money


@pytest.fixture
def live(engine: Engine, set_env: Callable[..., None]) -> Engine:
    """The gateway says live, and the settings name the account."""
    set_env(LIVE_TRADING_ACCOUNTS=account_of(engine))
    return with_real_money(engine)


def confirm(engine: Engine) -> None:
    [account] = engine.tools.broker.accounts()
    with transaction() as session:
        live_trading.confirm(
            session,
            engine.clock,
            account=account,
            typed=live_trading.words(account.id),
            missing=(),
            actor="person:ann",
        )


def run(engine: Engine, **changes: Any) -> Execution:
    return engine.run(definition(**changes))[0]


@pytest.mark.parametrize("mode", ["approve", "trade"])
def test_an_unconfirmed_live_account_gets_no_order_and_no_question(live: Engine, mode: str) -> None:
    execution = run(live, mode=mode)
    assert (execution.outcome, execution.reason_code) == (Outcome.BLOCKED, "live_not_confirmed")
    assert "Nobody has confirmed" in (execution.reason or "")
    assert read(execution.id)[1][0].step == "preflight"


def test_mode_observe_may_look_at_a_live_account(live: Engine) -> None:
    assert run(live).outcome is Outcome.OBSERVED


def test_a_confirmed_one_comes_to_its_question(live: Engine) -> None:
    confirm(live)
    assert run(live, mode="approve").status is Status.WAITING


def test_a_confirmation_withdrawn_meanwhile_stops_an_order_that_was_approved(
    live: Engine,
) -> None:
    confirm(live)
    execution_id = run(live, mode="approve").id
    with transaction() as session:
        live_trading.withdraw(session, live.clock, account=account_of(live), actor="person:ann")
        [row] = approvals.waiting(session, live.clock.now())
        approvals.decide(
            session, live.clock, row.id, answer=ApprovalState.APPROVED, actor="person:ann"
        )
        waiting.wake(session, live.clock, execution_id)
    live.executor.run(execution_id)
    execution, _ = read(execution_id)
    assert (execution.outcome, execution.reason_code) == (Outcome.BLOCKED, "live_not_confirmed")


def test_paper_needs_none_of_it(engine: Engine) -> None:
    assert run(engine, mode="approve").status is Status.WAITING


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [(ApprovalState.REJECTED, Outcome.REJECTED), (None, Outcome.EXPIRED)],
)
def test_a_no_or_no_answer_is_told_as_such_even_when_the_signal_is_over_too(
    engine: Engine, answer: ApprovalState | None, outcome: Outcome
) -> None:
    execution_id = run(engine, mode="approve").id
    if answer is not None:
        with transaction() as session:
            [row] = approvals.waiting(session, engine.clock.now())
            approvals.decide(session, engine.clock, row.id, answer=answer, actor="person:ann")
            waiting.wake(session, engine.clock, execution_id)
    engine.advance(days=9)
    waiting.send_due(engine.clock)
    engine.executor.run(execution_id)
    assert read(execution_id)[0].outcome is outcome
