"""A worker that dies inside a step, behind it, and once its result is kept; and one stopped."""

import json

import pytest

from backend.executions import reaper
from backend.executions.models import LineageRecord, RecordStatus, Status
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES, live_plan
from backend.workflow.steps.base import Touches
from tests.chaos import proof
from tests.chaos.stage import Stage

pytestmark = pytest.mark.timeout(400)

LIVE_STEPS = [step.name for step in live_plan().steps if step.touches is not Touches.ORDERS]
"""Those of mode observe; what places orders is broken elsewhere, at each of its own places."""
POINTS = ("begun", "returned", "kept")
LAST = LIVE_STEPS[-1]


def lost_step(step: str, point: str) -> str | None:
    """The step whose attempt is lost: once a step is kept, the worker is in the one behind it."""
    if point != "kept":
        return step
    return None if step == LAST else STEP_NAMES[STEP_NAMES.index(step) + 1]


def interruptions(records: list[LineageRecord]) -> list[str]:
    return [record.step for record in records if record.status is RecordStatus.INTERRUPTED]


def test_a_worker_killed_in_each_step_in_turn_loses_nothing_and_repeats_no_finished_step(
    stage: Stage,
) -> None:
    places = [(step, point) for step in LIVE_STEPS for point in POINTS]
    executions = dict(zip(proof.start(proof.save(len(places))), places, strict=True))
    dying = stage.worker(
        "tests.chaos.worker_that_dies",
        threads=len(places),
        CHAOS_DEATHS=json.dumps(executions),
        LEASE_SECONDS="3",
    )
    stage.until(lambda: not dying.lives, "every execution has come to where its worker dies")
    assert dying.wait() == -9
    assert proof.count(status=Status.RUNNING) == len(places) - 1

    # Its leases are long: nothing but the kill may cost an attempt.
    stage.plain_worker()
    stage.beat()
    stage.until(lambda: proof.all_finished(len(places)), "the next worker has finished them all")

    for execution_id, (step, point) in executions.items():
        execution, records = proof.demand_whole(execution_id)
        assert execution.outcome is Outcome.OBSERVED, proof.said(records)
        lost = lost_step(step, point)
        expected = [] if lost is None else [lost]
        assert interruptions(records) == expected, (step, point, proof.said(records))


def test_a_worker_that_is_told_to_stop_finishes_its_executions_and_leaves_the_others(
    stage: Stage,
) -> None:
    total = 12
    executions = proof.start(proof.save(total))
    stopped = stage.worker(threads=4)
    stage.until(lambda: proof.count(status=Status.RUNNING), "an execution is under way")
    stopped.terminate()
    assert stopped.wait() == 0
    assert proof.count(status=Status.RUNNING) == 0
    assert 0 < proof.count(status=Status.FINISHED) < total
    assert proof.count(status=Status.QUEUED) == total - proof.count(status=Status.FINISHED)

    stage.worker()
    # Messages that the stopped worker had taken but not begun come back, or the reaper sends anew.
    stage.until(lambda: _reap_and_ask(total), "the next worker has finished the others")
    for execution_id in executions:
        execution, records = proof.demand_whole(execution_id)
        assert execution.outcome is Outcome.OBSERVED
        assert len(records) == len(STEP_NAMES), proof.said(records)


def _reap_and_ask(total: int) -> bool:
    reaper.send_abandoned()
    return proof.all_finished(total)
