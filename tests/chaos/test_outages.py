"""
PostgreSQL, Redis, the gateway or its login gone for a while: nothing is lost, nothing runs twice.

OUTAGE_SECONDS=30 lasts as long as an outage in earnest; six seconds are enough to break every
connection.
"""

import os
from datetime import timedelta
from time import sleep

import pytest
from sqlalchemy import select

from backend.core.database import transaction
from backend.executions.models import Execution, RecordStatus, Status
from backend.workflow.outcome import Outcome
from tests.chaos import proof
from tests.chaos.stage import Stage

pytestmark = pytest.mark.timeout(400)

OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "6"))
# Due at no other time than the one that a test sets, on an exchange that never closes.
ONCE_A_YEAR = {"when": "0 0 1 1 *", "exchange": "ALWAYS"}
SKIPS = ONCE_A_YEAR | {"missed": "skip"}
RUNS = ONCE_A_YEAR | {"missed": "run", "run_if_late_minutes": 60}


@pytest.mark.parametrize("part", ["postgres", "redis", "gateway"])
def test_an_outage_loses_no_execution_and_repeats_no_finished_step(stage: Stage, part: str) -> None:
    waiting = proof.save(14)
    due_meanwhile = proof.save(2, "Due meanwhile", is_enabled=True, schedule=RUNS)
    worker, beat = stage.worker(threads=4, LEASE_SECONDS="5"), stage.beat()
    executions = proof.start(waiting)
    stage.until(lambda: is_in_full_swing(executions), "some executions run and some wait")
    proof.make_due(due_meanwhile, ago=-timedelta(seconds=OUTAGE_SECONDS / 2))

    server = {"postgres": stage.postgres, "redis": stage.redis, "gateway": stage.gateway}[part]
    server.kill()
    sleep(OUTAGE_SECONDS)
    assert worker.lives
    assert beat.lives
    server.start()
    stage.wait_for_servers()

    total = len(waiting) + len(due_meanwhile)
    stage.until(lambda: proof.all_finished(total), "every execution is finished")
    for strategy_id in (*waiting, *due_meanwhile):
        execution, records = proof.demand_whole(proof.execution_of(strategy_id).id)
        assert execution.outcome is Outcome.OBSERVED, proof.said(records)
    assert worker.lives
    assert beat.lives


def is_in_full_swing(executions: list[int]) -> bool:
    finished, running = proof.count(status=Status.FINISHED), proof.count(status=Status.RUNNING)
    return 0 < finished < len(executions) - 6 and running > 1


def test_an_execution_that_is_started_while_the_queue_is_away_runs_once_it_is_back(
    stage: Stage,
) -> None:
    strategy = proof.save(1)
    stage.worker()
    stage.beat()
    stage.redis.kill()
    [execution_id] = proof.start(strategy)
    assert proof.count(status=Status.QUEUED) == 1
    stage.redis.start()
    stage.until(lambda: proof.all_finished(1), "the reaper has sent it")
    proof.demand_whole(execution_id)


def test_due_times_that_passed_while_the_database_was_away_follow_the_missed_run_policy(
    stage: Stage,
) -> None:
    punctual = proof.save(1, "Punctual", is_enabled=True, schedule=SKIPS)
    too_late = proof.save(1, "Too late", is_enabled=True, schedule=SKIPS)
    made_up = proof.save(1, "Made up", is_enabled=True, schedule=RUNS)
    stage.worker()
    stage.beat()
    stage.postgres.kill()
    sleep(1)
    stage.postgres.start()
    stage.until(lambda: proof.make_due(punctual, ago=timedelta(seconds=5)), "the database is back")
    due_at = proof.make_due([*too_late, *made_up], ago=timedelta(minutes=10))

    stage.until(lambda: proof.all_finished(3), "every due time is served or skipped")
    for strategy_id in (*punctual, *made_up):
        execution, records = proof.demand_whole(proof.execution_of(strategy_id).id)
        assert execution.outcome is Outcome.OBSERVED, proof.said(records)
    skipped, _records = proof.demand_whole(proof.execution_of(too_late[0]).id)
    assert (skipped.outcome, skipped.reason_code) == (Outcome.SKIPPED, "late")
    assert skipped.due_at == due_at


def test_while_nobody_is_logged_in_executions_are_parked_and_the_missed_run_policy_resumes_them(
    stage: Stage,
) -> None:
    patient = proof.save(3, "Patient", is_enabled=True, schedule=RUNS)
    strict = proof.save(1, "Strict", is_enabled=True, schedule=SKIPS)
    stage.worker()
    with stage.control() as control:
        control.session("logged_out")
        proof.make_due(patient)
        # On time when it is parked, unless this machine is very slow; too late soon after.
        proof.make_due(strict, ago=timedelta(seconds=110))
        stage.beat()
        stage.until(lambda: parked(patient) == len(patient), "the patient ones are parked")
        stage.until(
            lambda: proof.count(status=Status.FINISHED) == 1,
            "the strict one ended, although nobody logged in",
        )
        control.session("ready")
    stage.until(lambda: proof.all_finished(len(patient) + 1), "the patient ones were resumed")

    ended, _records = proof.demand_whole(proof.execution_of(strict[0]).id)
    assert (ended.outcome, ended.reason_code) == (Outcome.SKIPPED, "late")
    for strategy_id in patient:
        execution, records = proof.demand_whole(proof.execution_of(strategy_id).id)
        assert execution.outcome is Outcome.OBSERVED, proof.said(records)
        assert records[0].status is RecordStatus.PARKED
        assert records[0].reason_code == "logged_out"


def parked(strategy_ids: list[int]) -> int:
    query = select(Execution.id).where(
        Execution.strategy_id.in_(strategy_ids), Execution.status == Status.PARKED
    )
    with transaction() as session:
        return len(session.scalars(query).all())
