"""A step that takes its worker down each time."""

import pytest

from backend.executions.models import RecordStatus
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES
from tests.executions.conftest import Watched, WorkerKilled, kill, let_lease_run_out
from tests.support.live_engine import Engine, read


def test_a_step_that_lost_five_workers_ends_its_execution(engine: Engine, watched: Watched) -> None:
    execution_id = engine.start(engine.save())[0]
    watched.before["compute_indicators"] = kill
    for _ in range(5):
        with pytest.raises(WorkerKilled):
            watched.executor(engine).run(execution_id)
        let_lease_run_out(execution_id)
    assert watched.executor(engine).run(execution_id) is Outcome.FAILED
    execution, records = read(execution_id)
    assert execution.reason_code == "worker_lost"
    interrupted = [each for each in records if each.status is RecordStatus.INTERRUPTED]
    assert [(each.step, each.attempt) for each in interrupted] == [
        ("compute_indicators", attempt) for attempt in range(1, 6)
    ]
    kept = [each.step for each in records if each.status is not RecordStatus.INTERRUPTED]
    assert kept == list(STEP_NAMES)
