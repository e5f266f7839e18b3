"""A replay of an untouched execution finds the very same, whatever step it begins at."""

from collections.abc import Iterator
from typing import Any

import pytest

from backend.charts import Renderer
from backend.core.database import transaction
from backend.core.hashing import canonical_json
from backend.executions.models import Execution, LineageRecord, RecordStatus, Trigger
from backend.executions.replays import service as replay
from backend.executions.replays.changes import Wanted
from backend.executions.verify import verify
from backend.workflow.outcome import Outcome
from backend.workflow.plan import live_plan
from backend.workflow.steps.base import Touches
from tests.support.live_engine import Engine, example, read

STEPS = [step.name for step in live_plan().steps if step.touches is not Touches.ORDERS]
"""Those that a replay may begin at."""


def watching() -> dict[str, Any]:
    """The example, which follows the view where its rules are silent: every step has its say."""
    signal = example()["signal"] | {"source": "either", "allow_short": True}
    return example() | {"signal": signal}


def start(
    engine: Engine, source_id: int, first: str | None = None, settings: dict[str, Any] | None = None
) -> int:
    with transaction() as session:
        made = replay.start(
            session,
            engine.clock,
            source_id,
            Wanted(settings=settings or {}),
            from_step=first,
            requested_by="test",
        )
        return made.id


def run(
    engine: Engine, source_id: int, first: str | None = None, settings: dict[str, Any] | None = None
) -> tuple[Execution, list[LineageRecord]]:
    made = start(engine, source_id, first, settings)
    engine.executor.run(made)
    return read(made)


def facts(records: list[LineageRecord]) -> dict[str, bytes]:
    """What each step found and what was kept of it, byte for byte."""
    return {
        record.step: canonical_json([record.output, record.artifacts])
        for record in records
        if record.status is not RecordStatus.INTERRUPTED
    }


@pytest.fixture(scope="module")
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


@pytest.fixture
def drawing(engine: Engine, renderer: Renderer) -> Engine:
    return engine.with_tools(renderer=renderer)


def test_from_every_step_a_whole_execution_with_pictures_finds_the_same(drawing: Engine) -> None:
    source, before = drawing.run(watching())
    assert source.outcome is Outcome.OBSERVED
    drawing.gateway.control.session("logged_out")
    drawing.advance(hours=30)
    for first in STEPS:
        replayed, after = run(drawing, source.id, first)
        assert facts(after) == facts(before), first
        assert [canonical_json(each.input) for each in after] == [
            canonical_json(each.input) for each in before
        ], first
        for name in ("outcome", "reason_code", "reason", "signal_action", "is_simulated"):
            assert getattr(replayed, name) == getattr(source, name), (first, name)
        assert (replayed.trigger, replayed.replay_from) == (Trigger.REPLAY, first)
        with transaction() as session:
            report = verify(session, drawing.tools.storage, replayed)
        assert report.is_intact, report.sentence
