"""`verify` is green for what was written, and names the record when anything was changed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core.database import new_session
from backend.executions.models import Execution, LineageRecord
from backend.executions.verify import Report, verify
from backend.papergateway.running import RunningGateway
from backend.storage.filesystem import FilesystemStorage
from tests.conftest import empty_tables
from tests.support.live_engine import Engine, engine_on, example

BOTH_NULL_AND_NOT = ("reason_code", "reason", "output")


@pytest.fixture(scope="module")
def finished(
    database_url: str,
    redis_url: str,
    standing_gateway: RunningGateway,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Engine, int]]:
    """One execution for all tests here: each changes it inside a transaction and takes it back."""
    folder = tmp_path_factory.mktemp("artifacts")
    with engine_on(standing_gateway, redis_url, folder) as engine:
        execution, _ = engine.run(example())
        yield engine, execution.id
    empty_tables()


@pytest.fixture
def session(finished: tuple[Engine, int]) -> Iterator[Session]:
    with new_session() as session:
        yield session
        session.rollback()


def check(session: Session, finished: tuple[Engine, int]) -> Report:
    engine, execution_id = finished
    session.expire_all()
    return verify(session, engine.tools.storage, session.get_one(Execution, execution_id))


def change(session: Session, statement: str) -> None:
    assert session.execute(text(statement)).rowcount == 1  # type: ignore[attr-defined]


def test_what_was_written_is_intact(session: Session, finished: tuple[Engine, int]) -> None:
    report = check(session, finished)
    assert report.is_intact
    assert report.sentence.startswith("Intact: 13 records and ")


RECORD = {
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "execution_id": "execution_id + 1",
    "sequence": "sequence + 1",
    "step": "step || 'x'",
    "attempt": "attempt + 1",
    "status": "'parked'",
    "outcome": "'rejected'",
    "reason_code": "COALESCE(reason_code, '') || 'x'",
    "reason": "COALESCE(reason, '') || 'x'",
    "input": """input || '{"changed": true}'""",
    "output": """COALESCE(output, '{}') || '{"changed": true}'""",
    "artifacts": """artifacts || '[{"sha256": "", "name": ""}]'""",
    "notes": """notes || '[{"note": "changed"}]'""",
    "tokens": "tokens + 1",
    "cost_usd": "cost_usd + 0.00000001",
    "started_at": "started_at - interval '1 microsecond'",
    "seconds": "seconds + 0.000001",
    "actor": "actor || 'x'",
    "code_version": "code_version || 'x'",
    "previous_hash": "reverse(previous_hash)",
    "hash": "reverse(hash)",
}


def test_every_column_of_a_record_is_tried() -> None:
    # `id` numbers the table's rows; the record itself does not speak of it.
    assert set(RECORD) == {column.name for column in LineageRecord.__table__.columns} - {"id"}


@pytest.mark.parametrize("sequence", [0, 6, 12])
@pytest.mark.parametrize(("column", "sql"), RECORD.items(), ids=list(RECORD))
def test_any_changed_column_of_any_record_is_found_and_the_record_is_named(
    session: Session, finished: tuple[Engine, int], column: str, sql: str, sequence: int
) -> None:
    change(session, f"UPDATE workflow_lineage SET {column} = {sql} WHERE sequence = {sequence}")
    report = check(session, finished)
    assert not report.is_intact
    if column not in ("execution_id", "sequence"):
        assert report.breaks[0].sequence == sequence
        assert report.sentence.startswith(f"Broken. Record {sequence} (")


@pytest.mark.parametrize("column", BOTH_NULL_AND_NOT)
def test_a_column_that_was_emptied_is_found(
    session: Session, finished: tuple[Engine, int], column: str
) -> None:
    sequence = session.scalar(
        text(f"SELECT max(sequence) FROM workflow_lineage WHERE {column} IS NOT NULL")
    )
    change(session, f"UPDATE workflow_lineage SET {column} = NULL WHERE sequence = {sequence}")
    assert check(session, finished).breaks[0].sequence == sequence


EXECUTION = {
    "strategy_version_id": "(SELECT max(id) FROM strategy_versions)",
    "symbol": "'MSFT'",
    "due_at": "due_at + interval '1 second'",
    "trigger": "'cron'",
    "requested_by": "'somebody else'",
    "prompt_versions": "'{}'",
    "outcome": "'ordered'",
    "reason_code": "'other'",
    "reason": "'Another reason.'",
    "finished_at": "finished_at + interval '1 second'",
    "status": "'queued'",
    "record_count": "record_count - 1",
    "chain_head": "reverse(chain_head)",
    "signal_action": "'SELL'",
    "is_simulated": "NOT is_simulated",
    "tokens": "tokens + 1",
    "cost_usd": "cost_usd + 1",
}


@pytest.mark.parametrize(("column", "sql"), EXECUTION.items(), ids=list(EXECUTION))
def test_a_changed_column_of_the_execution_itself_is_found(
    session: Session, finished: tuple[Engine, int], column: str, sql: str
) -> None:
    if column == "strategy_version_id":
        session.execute(
            text(
                "INSERT INTO strategy_versions (strategy_id, number, definition, created_at,"
                " created_by) SELECT strategy_id, number + 1, definition, created_at, created_by"
                " FROM strategy_versions"
            )
        )
    change(session, f"UPDATE executions SET {column} = {sql} WHERE id = {finished[1]}")
    report = check(session, finished)
    assert not report.is_intact
    assert report.breaks[0].what.endswith(".")


@pytest.mark.parametrize("sequence", range(13))
def test_a_record_that_was_deleted_is_missed(
    session: Session, finished: tuple[Engine, int], sequence: int
) -> None:
    change(session, f"DELETE FROM workflow_lineage WHERE sequence = {sequence}")
    report = check(session, finished)
    said = report.breaks[0].what
    expected = "13 records, 12 are left" if sequence == 12 else f"record {sequence} is missing"
    assert expected in said


def test_records_cut_off_the_end_are_missed(session: Session, finished: tuple[Engine, int]) -> None:
    session.execute(text("DELETE FROM workflow_lineage WHERE sequence >= 10"))
    assert "counts 13 records, 10 are left" in check(session, finished).sentence


def test_records_that_changed_places_are_found(
    session: Session, finished: tuple[Engine, int]
) -> None:
    session.execute(
        text("UPDATE workflow_lineage SET sequence = 9 - sequence WHERE sequence IN (4, 5)")
    )
    report = check(session, finished)
    assert report.breaks[0].sequence == 4


def test_a_record_that_was_put_in_twice_is_found(
    session: Session, finished: tuple[Engine, int]
) -> None:
    columns = ", ".join(c.name for c in LineageRecord.__table__.columns if c.name != "id")
    change(
        session,
        f"INSERT INTO workflow_lineage ({columns})"
        f" SELECT {columns} FROM workflow_lineage WHERE sequence = 3",
    )
    assert not check(session, finished).is_intact


def artifact_files(engine: Engine) -> list[Path]:
    storage = engine.tools.storage
    assert isinstance(storage, FilesystemStorage)
    return sorted(path for path in storage.root.rglob("*") if path.is_file())


def test_one_changed_byte_of_any_artifact_is_found_and_its_record_is_named(
    session: Session, finished: tuple[Engine, int]
) -> None:
    files = artifact_files(finished[0])
    assert len(files) >= 10
    for path in files:
        right = path.read_bytes()
        path.write_bytes(bytes([right[0] ^ 1]) + right[1:])
        report = check(session, finished)
        path.write_bytes(right)
        assert len(report.breaks) == 1
        assert report.breaks[0].step is not None
        assert path.name in report.sentence
    assert check(session, finished).is_intact


def test_an_artifact_that_is_gone_is_missed(session: Session, finished: tuple[Engine, int]) -> None:
    path = artifact_files(finished[0])[0]
    right = path.read_bytes()
    path.unlink()
    report = check(session, finished)
    path.write_bytes(right)
    assert path.name in report.sentence
