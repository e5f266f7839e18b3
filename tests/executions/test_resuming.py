"""Workers that die, sessions that go down: nothing is lost, no finished step runs again."""

from collections import Counter

import pytest
from sqlalchemy import text

from backend.core import redis
from backend.core.database import transaction
from backend.core.errors import SessionDown
from backend.executions import reaper
from backend.executions.executor import StrategyExecutor
from backend.executions.models import LineageRecord, RecordStatus, Status
from backend.executions.verify import verify
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES, live_plan
from backend.workflow.steps.base import Touches
from tests.executions.conftest import Watched, WorkerKilled, kill, let_lease_run_out
from tests.support.live_engine import Engine, definition, read

OBSERVING = [step.name for step in live_plan().steps if step.touches is not Touches.ORDERS]
"""What runs in mode observe."""

INTERRUPTED, PARKED = RecordStatus.INTERRUPTED, RecordStatus.PARKED


def is_intact(engine: Engine, execution_id: int) -> bool:
    with transaction() as session:
        return verify(session, engine.tools.storage, read(execution_id)[0]).is_intact


def of_status(records: list[LineageRecord], status: RecordStatus) -> list[tuple[str, int]]:
    return [(each.step, each.attempt) for each in records if each.status is status]


@pytest.mark.parametrize("step", OBSERVING)
def test_a_worker_that_dies_inside_a_step_loses_only_that_attempt(
    engine: Engine, watched: Watched, step: str
) -> None:
    execution_id = engine.start(engine.save())[0]
    watched.before[step] = kill
    with pytest.raises(WorkerKilled):
        watched.executor(engine).run(execution_id)
    assert read(execution_id)[0].status is Status.RUNNING
    assert engine.executor.run(execution_id) is None, "the lease still holds"
    let_lease_run_out(execution_id)
    watched.before.clear()
    assert watched.executor(engine).run(execution_id) is Outcome.OBSERVED
    assert Counter(watched.ran) == Counter(OBSERVING)
    execution, records = read(execution_id)
    assert of_status(records, INTERRUPTED) == [(step, 1)]
    assert len(records) == execution.record_count == 14
    assert [record.step for record in records if record.status is not INTERRUPTED] == list(
        STEP_NAMES
    )
    [again] = [r for r in records if r.step == step and r.status is not INTERRUPTED]
    assert again.attempt == 2
    assert is_intact(engine, execution_id)


def test_a_resumed_execution_comes_to_the_same_decision_as_one_that_was_not_disturbed(
    engine: Engine, watched: Watched
) -> None:
    first = engine.save()
    engine.executor.run(engine.start(first)[0])
    # Now that contract and bars are cached, both see the very same.
    undisturbed, disturbed = (
        engine.start(engine.save(definition(name=name)))[0] for name in ("undisturbed", "disturbed")
    )
    engine.executor.run(undisturbed)
    watched.before["generate_signal"] = kill
    with pytest.raises(WorkerKilled):
        watched.executor(engine).run(disturbed)
    let_lease_run_out(disturbed)
    engine.executor.run(disturbed)
    plans = [(read(each)[1][-3].output or {})["order_plan"] for each in (undisturbed, disturbed)]
    assert plans[0] == plans[1]


def test_a_worker_may_die_more_than_once(engine: Engine, watched: Watched) -> None:
    execution_id = engine.start(engine.save())[0]
    watched.before["fetch_bars"] = kill
    for _ in range(3):
        with pytest.raises(WorkerKilled):
            watched.executor(engine).run(execution_id)
        let_lease_run_out(execution_id)
    assert engine.executor.run(execution_id) is Outcome.OBSERVED
    _, records = read(execution_id)
    assert of_status(records, INTERRUPTED) == [("fetch_bars", n) for n in (1, 2, 3)]
    assert is_intact(engine, execution_id)


def test_an_execution_whose_worker_died_is_sent_again_only_when_its_lease_ran_out(
    engine: Engine, watched: Watched
) -> None:
    execution_id = engine.start(engine.save())[0]
    watched.before["check_data"] = kill
    with pytest.raises(WorkerKilled):
        watched.executor(engine).run(execution_id)
    make_sent_long_ago()
    assert reaper.send_abandoned() == 0
    let_lease_run_out(execution_id)
    assert reaper.send_abandoned() == 1
    assert reaper.send_abandoned() == 0, "it was sent a moment ago"


def make_sent_long_ago() -> None:
    with transaction() as session:
        session.execute(text("UPDATE executions SET sent_at = now() - interval '1 day'"))


def resume(engine: Engine) -> int:
    """As Beat does a minute later: rested executions, a session that is looked after."""
    make_sent_long_ago()
    redis.client().flushdb()
    engine.tools.broker.ensure_session()
    return reaper.resume_parked(engine.tools.broker, engine.clock)


def parked(engine: Engine) -> int:
    execution_id = engine.start(engine.save())[0]
    engine.gateway.control.session("logged_out")
    assert engine.executor.run(execution_id) is None
    return execution_id


def test_a_session_that_is_down_parks_the_execution(engine: Engine) -> None:
    execution, records = read(parked(engine))
    assert (execution.status, execution.outcome) == (Status.PARKED, None)
    assert execution.reason_code == "logged_out"
    assert "log in" in (execution.reason or "")
    assert execution.lease_token is None
    assert of_status(records, PARKED) == [("preflight", 1)]


def test_a_parked_execution_waits_while_the_session_is_down(engine: Engine) -> None:
    execution_id = parked(engine)
    assert resume(engine) == 0
    assert engine.executor.run(execution_id) is None
    assert read(execution_id)[0].status is Status.PARKED


def test_a_parked_execution_goes_on_when_the_session_is_back(engine: Engine) -> None:
    execution_id = parked(engine)
    engine.gateway.control.session("ready")
    engine.advance(minutes=10)
    assert resume(engine) == 1
    assert engine.executor.run(execution_id) is Outcome.OBSERVED
    execution, records = read(execution_id)
    assert (execution.reason_code, len(records)) == ("observe_only", 14)
    assert [(each.step, each.attempt) for each in records[:2]] == [
        ("preflight", 1),
        ("preflight", 2),
    ]
    assert is_intact(engine, execution_id)


def test_a_parked_execution_that_is_too_late_is_skipped_also_without_a_session(
    engine: Engine,
) -> None:
    execution_id = parked(engine)
    engine.advance(hours=2)
    assert resume(engine) == 1
    assert engine.executor.run(execution_id) is Outcome.SKIPPED
    execution, records = read(execution_id)
    assert (execution.reason_code, len(records)) == ("late", 14)


def lose_session() -> None:
    raise SessionDown("Nobody is logged in.", code="logged_out")


def parked_half_way(engine: Engine, watched: Watched) -> int:
    execution_id = engine.start(engine.save())[0]
    watched.before["fetch_bars"] = lose_session
    assert watched.executor(engine).run(execution_id) is None
    watched.before.clear()
    engine.advance(minutes=5)
    return execution_id


def test_a_session_lost_half_way_parks_and_finished_steps_are_not_run_again(
    engine: Engine, watched: Watched
) -> None:
    execution_id = parked_half_way(engine, watched)
    assert resume(engine) == 1
    assert watched.executor(engine).run(execution_id) is Outcome.OBSERVED
    assert Counter(watched.ran) == Counter(OBSERVING)


def test_an_execution_parked_half_way_that_is_too_late_is_skipped_too(
    engine: Engine, watched: Watched
) -> None:
    execution_id = parked_half_way(engine, watched)
    engine.advance(hours=3)
    assert resume(engine) == 1
    assert watched.executor(engine).run(execution_id) is Outcome.SKIPPED
    execution, records = read(execution_id)
    assert execution.reason_code == "late"
    assert [each.step for each in records if each.status is not PARKED] == list(STEP_NAMES)
    assert is_intact(engine, execution_id)


def test_a_worker_that_dies_after_the_session_came_back_is_recorded_at_the_right_step(
    engine: Engine, watched: Watched
) -> None:
    execution_id = parked_half_way(engine, watched)
    resume(engine)
    watched.before["fetch_bars"] = kill
    with pytest.raises(WorkerKilled):
        watched.executor(engine).run(execution_id)
    let_lease_run_out(execution_id)
    engine.executor.run(execution_id)
    _, records = read(execution_id)
    assert of_status(records, PARKED) == [("fetch_bars", 1)]
    assert of_status(records, INTERRUPTED) == [("fetch_bars", 2)]


def test_a_bug_is_kept_as_a_failure_and_raised_again(engine: Engine, watched: Watched) -> None:
    def break_down() -> None:
        raise ZeroDivisionError

    execution_id = engine.start(engine.save())[0]
    watched.before["check_data"] = break_down
    with pytest.raises(ZeroDivisionError):
        watched.executor(engine).run(execution_id)
    execution, records = read(execution_id)
    assert (execution.outcome, execution.reason_code) == (Outcome.FAILED, "bug")
    assert len(records) == 13


def test_a_worker_that_was_overtaken_stops_at_its_next_record(
    engine: Engine, watched: Watched
) -> None:
    execution_id = engine.start(engine.save(definition()))[0]
    overtaking: StrategyExecutor = engine.executor

    def be_overtaken() -> None:
        let_lease_run_out(execution_id)
        overtaking.run(execution_id)

    watched.before["check_data"] = be_overtaken
    with pytest.raises(Exception, match="taken over by another worker"):
        watched.executor(engine).run(execution_id)
    execution, records = read(execution_id)
    assert execution.outcome is Outcome.OBSERVED
    assert [each.step for each in records if each.status is not INTERRUPTED] == list(STEP_NAMES)
    assert execution.finished_at == records[-1].recorded_at
