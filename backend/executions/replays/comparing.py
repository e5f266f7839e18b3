"""Reads two executions whole, so that they can be compared."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.executions import conversing, lineage, service
from backend.executions.models import Execution
from backend.executions.replays.changes import Changes
from backend.executions.replays.comparison import Comparison, Side, compare
from backend.storage.base import Storage
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Prompt, PromptVersion


def compared(session: Session, storage: Storage, first_id: int, second_id: int) -> Comparison:
    """Raises `NotFound`."""
    return compare(side(session, storage, first_id), side(session, storage, second_id))


def side(session: Session, storage: Storage, execution_id: int) -> Side:
    execution = service.get(session, execution_id)
    name, version = service.strategy_of(session, execution)
    records = lineage.read(session, execution)
    definition = Changes.from_json(execution.changes).definition or version.definition
    return Side(
        execution=execution,
        strategy_name=name,
        version_number=version.number,
        definition=StrategyDefinition.stored(definition).model_dump(mode="json"),
        prompts=_prompts(session, execution),
        records=records,
        talks={record.step: conversing.read(storage, record) for record in records},
    )


def _prompts(session: Session, execution: Execution) -> dict[str, str]:
    rows = session.execute(
        select(Prompt.kind, Prompt.name, PromptVersion.number)
        .join(PromptVersion, PromptVersion.prompt_id == Prompt.id)
        .where(PromptVersion.id.in_(execution.prompt_versions.values()))
    )
    return {kind: f"{name} version {number}" for kind, name, number in rows}
