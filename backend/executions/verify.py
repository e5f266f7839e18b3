"""Recomputes the chain of lineage records and every artifact's hash, and names the first break."""

from dataclasses import dataclass, field
from typing import Any

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
    return _row_breaks(execution, records)


def _row_breaks(execution: Execution, records: list[LineageRecord]) -> list[Break]:
    """What the execution's row says of itself for lists, held against its records."""
    if not records:
        return []
    return [
        Break(sequence=None, step=None, what=f"the execution's {name} is not what its records say.")
        for name, told in _told(records).items()
        if getattr(execution, name) != told
    ]


def _told(records: list[LineageRecord]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "tokens": sum(record.tokens for record in records),
        "cost_usd": sum(record.cost_usd for record in records),
        "outcome": None,
        "signal_action": None,
        "is_simulated": None,
    }
    for record in records:
        found = lineage.for_lists(record.output)
        told |= {name: value for name, value in found.items() if value is not None}
        if record.outcome is not None:
            told |= {name: getattr(record, name) for name in ("outcome", "reason_code", "reason")}
            told |= {"status": Status.FINISHED, "finished_at": records[-1].recorded_at}
    return told


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
