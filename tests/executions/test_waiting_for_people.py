"""Executions that ask somebody: parked with the question, and run again with the answer."""

import pytest

from backend.core.database import transaction
from backend.executions import reaper, waiting
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status
from backend.executions.verify import verify
from backend.portfolio import approvals
from backend.workflow.asking import ApprovalState
from backend.workflow.outcome import Outcome
from tests.executions.conftest import WorkerKilled, kill, let_lease_run_out
from tests.support.live_engine import Engine, read
from tests.support.questions import asking_executor


def asked(engine: Engine) -> int:
    execution_id = engine.start(engine.save())[0]
    assert asking_executor(engine).run(execution_id) is None
    return execution_id


def decide(engine: Engine, answer: ApprovalState, *, comment: str = "") -> None:
    with transaction() as session:
        [row] = approvals.waiting(session, engine.clock.now())
        approvals.decide(
            session, engine.clock, row.id, answer=answer, actor="person:ada", comment=comment
        )
        waiting.wake(session, engine.clock, row.execution_id)


def ended(engine: Engine, execution_id: int) -> tuple[Execution, list[LineageRecord]]:
    asking_executor(engine).run(execution_id)
    return read(execution_id)


def test_it_waits_with_its_question_on_record(engine: Engine) -> None:
    execution, [record] = read(asked(engine))
    assert (execution.status, execution.reason_code) == (Status.WAITING, "awaiting_approval")
    assert execution.reason == "A person is asked whether to BUY 40 AAPL, until 20:45:00 UTC."
    assert (record.status, record.attempt) == (RecordStatus.PARKED, 1)
    assert execution.lease_token is None


def test_nothing_runs_it_again_before_there_is_an_answer(engine: Engine) -> None:
    execution_id = asked(engine)
    engine.advance(minutes=14)
    assert reaper.send_abandoned() == 0
    assert reaper.resume_parked(engine.tools.broker, engine.clock) == 0
    assert waiting.send_due(engine.clock) == 0
    assert asking_executor(engine).run(execution_id) is None
    assert read(execution_id)[0].record_count == 1


def test_a_yes_lets_it_go_on_in_the_same_step(engine: Engine) -> None:
    execution_id = asked(engine)
    decide(engine, ApprovalState.APPROVED)
    assert read(execution_id)[0].status is Status.QUEUED
    execution, records = ended(engine, execution_id)
    assert (execution.outcome, execution.reason) == (Outcome.ORDERED, "person:ada approved it.")
    assert [(each.step, each.attempt) for each in records[:2]] == [
        ("place_orders", 1),
        ("place_orders", 2),
    ]
    with transaction() as session:
        assert verify(session, engine.tools.storage, execution).is_intact


def test_a_no_ends_it_with_the_reason_that_the_person_gave(engine: Engine) -> None:
    execution_id = asked(engine)
    decide(engine, ApprovalState.REJECTED, comment="Earnings are tonight.")
    execution, _ = ended(engine, execution_id)
    assert (execution.outcome, execution.reason_code) == (Outcome.REJECTED, "rejected")
    assert execution.reason == "person:ada rejected BUY 40 AAPL. Earnings are tonight."


def test_when_the_time_is_over_it_wakes_by_itself_and_sends_nothing(engine: Engine) -> None:
    execution_id = asked(engine)
    engine.advance(minutes=15)
    assert waiting.send_due(engine.clock) == 1
    assert waiting.send_due(engine.clock) == 0
    execution, _ = ended(engine, execution_id)
    assert (execution.outcome, execution.reason_code) == (Outcome.EXPIRED, "approval_expired")
    assert "no answer is a no" in (execution.reason or "")


def test_an_answer_that_comes_before_the_question_is_on_record_is_not_lost(engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    executor = asking_executor(engine, then=lambda: decide(engine, ApprovalState.APPROVED))
    assert executor.run(execution_id) is None
    assert read(execution_id)[0].status is Status.WAITING
    assert waiting.send_due(engine.clock) == 1
    assert ended(engine, execution_id)[0].outcome is Outcome.ORDERED


def test_a_worker_that_dies_over_its_question_asks_no_second_one(engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    with pytest.raises(WorkerKilled):
        asking_executor(engine, then=kill).run(execution_id)
    let_lease_run_out(execution_id)
    assert asking_executor(engine).run(execution_id) is None
    decide(engine, ApprovalState.APPROVED)
    assert ended(engine, execution_id)[0].outcome is Outcome.ORDERED


def test_a_yes_counts_however_late_the_execution_is_by_its_own_schedule(engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    assert asking_executor(engine, patience_minutes=600).run(execution_id) is None
    engine.advance(hours=3)
    decide(engine, ApprovalState.APPROVED)
    assert ended(engine, execution_id)[0].outcome is Outcome.ORDERED


def test_a_yes_at_the_last_second_holds_for_a_moment(engine: Engine) -> None:
    execution_id = asked(engine)
    engine.advance(minutes=14, seconds=59)
    decide(engine, ApprovalState.APPROVED)
    engine.advance(seconds=90)
    assert ended(engine, execution_id)[0].outcome is Outcome.ORDERED


def test_a_yes_that_could_not_be_acted_on_in_time_has_grown_old(engine: Engine) -> None:
    execution_id = asked(engine)
    decide(engine, ApprovalState.APPROVED)
    engine.advance(minutes=16)
    execution, _ = ended(engine, execution_id)
    assert (execution.outcome, execution.reason_code) == (Outcome.EXPIRED, "approval_stale")
    assert "person:ada approved BUY 40 AAPL" in (execution.reason or "")


def test_while_one_waits_the_strategy_starts_no_other_for_the_symbol(engine: Engine) -> None:
    execution_id = asked(engine)
    execution, _ = read(execution_id)
    assert execution.status is not Status.FINISHED
    with transaction() as session:
        waiting.wake(session, engine.clock, 999_999)
    assert read(execution_id)[0].status is Status.WAITING
