"""What is known before the first step, and that the plan can be carried out with it."""

from datetime import timedelta

import pytest

from backend.core.errors import InvalidInput
from backend.executions import leases
from backend.executions.facts import FirstFacts
from backend.workflow import engine as workflow
from backend.workflow.plan import live_plan
from tests.support.live_engine import FRIDAY, Engine, example


@pytest.fixture
def facts(engine: Engine) -> dict[str, object]:
    execution_id = engine.start(engine.save(example()))[0]
    lease = leases.take(execution_id, first_step="preflight", now=FRIDAY)
    assert lease is not None
    return FirstFacts().of(lease)


def test_every_fact_that_a_step_asks_for_is_known_before_it_and_has_one_finder(
    facts: dict[str, object],
) -> None:
    workflow.check(live_plan().steps, facts)


def test_without_any_one_of_the_steps_before_the_plan_is_impossible(
    facts: dict[str, object],
) -> None:
    for name in ("preflight", "resolve_contract", "fetch_bars", "compute_indicators"):
        fewer = [step for step in live_plan().steps if step.name != name]
        with pytest.raises(InvalidInput, match="which nothing before it finds"):
            workflow.check(fewer, facts)


def test_the_strategys_words_reach_the_steps(facts: dict[str, object]) -> None:
    assert (facts["symbol"], facts["mode"], facts["trigger"]) == ("AAPL", "observe", "api")
    assert facts["schedule_exchange"] == "XNYS"
    prompts = facts["prompts"]
    assert isinstance(prompts, dict)
    assert set(prompts) == {"system", "chart", "view"}
    # A person who starts it waits up to an hour for a session that is down.
    assert facts["run_before"] == (FRIDAY + timedelta(hours=1)).isoformat()
