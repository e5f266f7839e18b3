"""What a replay is run on: the record of an execution, and of the one that it goes back to."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core.errors import InvalidInput
from backend.executions import lineage, service
from backend.executions.models import Execution, LineageRecord, RecordStatus
from backend.executions.replays.changes import Changes
from backend.executions.replays.documents import value_of
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import StrategyVersion
from backend.workflow.steps import Step
from backend.workflow.steps.base import StepData

DONE = (RecordStatus.FINISHED, RecordStatus.SKIPPED)


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    An execution that is replayed. `records` hold the last word of each step: no attempt that was
    lost or parked. `lived` is the execution at the beginning, which met the world itself, and
    `counted_at` when it counted the day's orders.
    """

    execution: Execution
    version: StrategyVersion
    records: Mapping[str, LineageRecord]
    lived: Execution
    counted_at: datetime

    @property
    def name(self) -> str:
        return f"execution {self.execution.id}"

    @property
    def definition(self) -> StrategyDefinition:
        """The one that it ran, its own changes included."""
        changed = Changes.from_json(self.execution.changes).definition
        return StrategyDefinition.stored(changed or self.version.definition)

    @property
    def decided_at(self) -> datetime:
        """The moment of the decision; that of its due time where it never came to one."""
        as_of = self.output("preflight").get("as_of")
        return datetime.fromisoformat(as_of) if as_of else self.execution.due_at

    @property
    def conversations(self) -> list[dict[str, Any]]:
        """What was asked of analysts, one summary per question."""
        asked = list(self.output("analyze_charts").get("conversations") or [])
        last = self.output("form_view").get("view_conversation")
        return [*asked, last] if last else asked

    def settings(self, texts: Mapping[str, str]) -> dict[str, Any]:
        """
        What a person means who writes these texts for settings, by dotted path; a path that the
        definition does not have raises `InvalidInput`.
        """
        document = self.definition.model_dump(mode="json")
        return {
            path: text if path.startswith("prompts.") else value_of(document, path, text)
            for path, text in texts.items()
        }

    def output(self, step: str) -> dict[str, Any]:
        record = self.records.get(step)
        return (record and record.output) or {}

    def is_done(self, step: str) -> bool:
        """Whether the execution went on behind this step."""
        record = self.records.get(step)
        return record is not None and record.status in DONE and record.output is not None

    def found(self, step: Step) -> StepData | None:
        """
        What the step found, None where nothing is on record.

        Raises `InvalidInput` for a record whose shape is not today's.
        """
        record = self.records.get(step.name)
        if record is None or record.output is None:
            return None
        try:
            return step.output.model_validate(record.output)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise InvalidInput(
                f"What step {step.name} of {self.name} found was written by version"
                f" {record.code_version} in another shape ({place}: {first['msg']}). It can be"
                " read, but no longer be replayed.",
                code="old_record",
            ) from None


def read(session: Session, execution_id: int) -> Source:
    """Raises `NotFound`."""
    execution = service.get(session, execution_id)
    lived = execution
    while lived.replay_of is not None:
        lived = session.get_one(Execution, lived.replay_of)
    return Source(
        execution=execution,
        version=session.get_one(StrategyVersion, execution.strategy_version_id),
        records={record.step: record for record in _last_words(lineage.read(session, execution))},
        lived=lived,
        counted_at=_counted_at(session, lived),
    )


def _last_words(records: list[LineageRecord]) -> list[LineageRecord]:
    mute = (RecordStatus.INTERRUPTED, RecordStatus.PARKED)
    return [record for record in records if record.status not in mute]


def _counted_at(session: Session, lived: Execution) -> datetime:
    """When its risk was checked; an execution that never came so far counts as of its end."""
    checked = select(LineageRecord.started_at).where(
        LineageRecord.execution_id == lived.id,
        LineageRecord.recorded_at >= lived.created_at - lineage.CLOCKS_APART,
        LineageRecord.step == "size_and_check_risk",
    )
    newest = session.scalar(checked.order_by(LineageRecord.sequence.desc()).limit(1))
    return newest or lived.finished_at or lived.created_at
