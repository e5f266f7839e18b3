"""Recomputes the chain of lineage records and every artifact's hash, and names the first break."""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core.errors import AppError
from backend.executions import lineage
from backend.executions.models import Execution, LineageRecord, Status
from backend.storage.base import Storage


@dataclass(frozen=True, kw_only=True)
class Break:
    """Where the evidence stops being trustworthy, and what is wrong there."""

    sequence: int | None
    step: str | None
    what: str


@dataclass(frozen=True, kw_only=True)
class Report:
    execution_id: int
    records: int
    artifacts: int
    breaks: list[Break] = field(default_factory=list)

    @property
    def is_intact(self) -> bool:
        return not self.breaks

    @property
    def sentence(self) -> str:
        if self.is_intact:
            return f"Intact: {self.records} records and {self.artifacts} artifacts as written."
        first = self.breaks[0]
        where = f"Record {first.sequence} ({first.step}): " if first.step else ""
        return f"Broken. {where}{first.what}"


def verify(session: Session, storage: Storage, execution: Execution) -> Report:
    records = lineage.read(session, execution)
    chain = _chain_breaks(execution, records)
    checked, artifacts = _artifact_breaks(storage, records)
    return Report(
        execution_id=execution.id,
        records=len(records),
        artifacts=checked,
        breaks=sorted(chain + artifacts, key=lambda each: (each.sequence is None, each.sequence)),
    )


def execution_ids(session: Session) -> list[int]:
    """Every execution that has records, oldest first."""
    finished = select(Execution.id).where(Execution.record_count > 0).order_by(Execution.id)
    return list(session.scalars(finished))


def _chain_breaks(execution: Execution, records: list[LineageRecord]) -> list[Break]:
    expected = lineage.genesis(execution)
    for position, record in enumerate(records):
        if record.sequence != position:
            return [_at(record, f"record {position} is missing before it.")]
        if record.previous_hash != expected:
            before = "what the execution was asked to do" if position == 0 else "the record before"
            return [_at(record, f"it does not continue the hash of {before}.")]
        if lineage.record_hash(lineage.content_of(record), record.previous_hash) != record.hash:
            return [_at(record, "its content was changed after it was written.")]
        expected = record.hash
    if execution.record_count != len(records) or execution.chain_head != expected:
        what = f"the execution counts {execution.record_count} records, {len(records)} are left"
        if execution.record_count == len(records):
            what = "the execution's newest hash is not that of its last record"
        return [Break(sequence=None, step=None, what=f"{what}.")]
    return _outcome_break(execution, records)


def _outcome_break(execution: Execution, records: list[LineageRecord]) -> list[Break]:
    """The outcome stands on the execution row alone, the reason in the record that ended it."""
    if execution.status is not Status.FINISHED or not records:
        return []
    codes = {record.reason_code for record in records}
    if execution.reason_code in codes:
        return []
    what = f"no record gives the execution's reason {execution.reason_code!r}."
    return [Break(sequence=None, step=None, what=what)]


def _artifact_breaks(storage: Storage, records: list[LineageRecord]) -> tuple[int, list[Break]]:
    seen: set[str] = set()
    breaks = []
    for record in records:
        for artifact in record.artifacts:
            if artifact["sha256"] in seen:
                continue
            seen.add(artifact["sha256"])
            try:
                storage.get(artifact["sha256"])
            except AppError as error:
                breaks.append(_at(record, f"artifact {artifact['name']}: {error.message}"))
    return len(seen), breaks


def _at(record: LineageRecord, what: str) -> Break:
    return Break(sequence=record.sequence, step=record.step, what=what)
