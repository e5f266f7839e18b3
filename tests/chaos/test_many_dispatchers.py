"""A thousand strategies due at one moment, two Beats, four workers: each once, and only once."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from backend.core.database import transaction
from backend.executions.models import Execution, LineageRecord
from backend.workflow.outcome import Outcome
from tests.chaos import proof
from tests.chaos.stage import Stage

pytestmark = pytest.mark.timeout(400)

MANY = 1_000


def test_two_beats_and_four_workers_run_a_thousand_due_strategies_exactly_once(
    stage: Stage, tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    ledger.touch()
    due_at = a_thousand_due_strategies()
    for _ in range(4):
        stage.worker(
            "tests.chaos.worker_of_two_steps",
            threads=4,
            CHAOS_LEDGER=str(ledger),
            # A message sent anew would be harmless, and would hide that one was lost.
            REQUEUE_SECONDS="600",
        )
    stage.beat()
    stage.beat()
    stage.until(lambda: proof.all_finished(MANY), "a thousand executions are finished")

    runs = Counter(ledger.read_text().split())
    assert len(runs) == MANY
    assert set(runs.values()) == {1}
    with transaction() as session:
        made = session.execute(
            select(Execution.strategy_id, Execution.due_at, Execution.outcome)
        ).all()
        records = session.scalar(select(func.count()).select_from(LineageRecord))
        actors = session.scalars(select(LineageRecord.actor).distinct()).all()
    assert {row.strategy_id for row in made} == set(range(1, MANY + 1))
    assert {row.due_at for row in made} == {due_at}
    assert {row.outcome for row in made} == {Outcome.HELD}
    assert records == 2 * MANY
    assert len({actor.rsplit(":", 1)[0] for actor in actors}) == 4, "all four workers took part"


def a_thousand_due_strategies() -> object:
    """Copies of one that was saved as ever; next due in a year, so that once is once."""
    [first] = proof.save(1, is_enabled=True, schedule={"when": "0 0 1 1 *"})
    with transaction() as session:
        session.execute(
            text("""
                INSERT INTO strategies
                  (name, is_enabled, next_due_at, created_at, updated_at, version_number)
                SELECT name || ' copy ' || number, is_enabled, next_due_at, created_at,
                  updated_at, version_number
                FROM strategies, generate_series(2, :many) AS number WHERE id = :first
            """),
            {"many": MANY, "first": first},
        )
        session.execute(
            text("""
                INSERT INTO strategy_versions
                  (strategy_id, number, definition, created_at, created_by)
                SELECT strategies.id, 1, definition, strategies.created_at, 'test'
                FROM strategies, strategy_versions
                WHERE strategy_versions.strategy_id = :first AND strategies.id <> :first
            """),
            {"first": first},
        )
    return proof.make_due(list(range(1, MANY + 1)), ago=timedelta(seconds=1))
