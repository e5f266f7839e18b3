"""
Makes replays: executions that run a past one again on its record, unchanged or with changes.

A replay is queued, leased, resumed and verified like any other execution. What comes before its
first step is taken over from the source's record when it is made.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.analysis import default_name
from backend.core.clock import Clock
from backend.core.errors import Conflict, InvalidInput, UnknownName, did_you_mean
from backend.core.settings import settings
from backend.core.version import code_version
from backend.executions import dispatch, lineage
from backend.executions.executor import actor
from backend.executions.lineage import Chain, Entry, Progress
from backend.executions.models import Execution, LineageRecord, Status, Trigger
from backend.executions.replays import prompt_choice, sources
from backend.executions.replays.changes import (
    Change,
    Changes,
    Wanted,
    forked,
    place_of,
    require_recorded,
)
from backend.executions.replays.sources import Source
from backend.storage.base import Artifact
from backend.strategies.definition import StrategyDefinition
from backend.web import audit
from backend.workflow.plan import STEP_NAMES, live_plan
from backend.workflow.steps.base import Touches

NOT_YET_LEASED = "being made"


def start(
    session: Session,
    clock: Clock,
    source_id: int,
    wanted: Wanted | None = None,
    *,
    from_step: str | None = None,
    requested_by: str,
) -> Execution:
    """
    Make a replay of an execution, which is sent to the workers after the commit.

    Without `from_step` it runs from the first step that the changes touch. Raises `InvalidInput`
    that names field and mend, `NotFound`, or `Conflict` for a source that is still under way.
    """
    source = sources.read(session, source_id)
    if source.execution.status in (Status.QUEUED, Status.RUNNING):
        raise Conflict(
            f"Execution {source_id} is still under way. Wait until it is finished.",
            code="still_running",
        )
    changes, prompt_versions = _changes(session, clock, source, wanted or Wanted(), requested_by)
    made = Execution(
        **{name: getattr(source.execution, name) for name in _AS_THE_SOURCE},
        trigger=Trigger.REPLAY,
        requested_by=requested_by,
        prompt_versions=prompt_versions,
        replay_of=source_id,
        replay_from=_first_step(source, changes, from_step),
        changes=changes.to_json(),
    )
    _keep(session, clock, source, made)
    dispatch.send_after_commit(session, [made.id])
    return made


_AS_THE_SOURCE = ("strategy_id", "strategy_version_id", "symbol", "due_at")


def replays_of(session: Session, execution_id: int) -> Sequence[Execution]:
    """The replays that were run on this execution's own record, newest first."""
    query = select(Execution).where(Execution.replay_of == execution_id)
    return session.scalars(query.order_by(Execution.id.desc())).all()


def _changes(
    session: Session, clock: Clock, source: Source, wanted: Wanted, author: str
) -> tuple[Changes, dict[str, Any]]:
    """What is changed against the source, and which prompt versions that means."""
    numbers, others = prompt_choice.apart(wanted.settings)
    before = source.definition
    definition, asked = forked(before, others)
    require_recorded(before, definition, source.output("fetch_bars").get("snapshots") or {})
    for change in asked:
        _require_model(change)
    chosen = prompt_choice.choose(
        session, clock, source, definition, numbers, wanted.prompt_texts, author
    )
    is_own = definition != StrategyDefinition.stored(source.version.definition)
    changes = Changes(
        asked=(*asked, *chosen.changes),
        definition=definition.model_dump(mode="json") if is_own else None,
    )
    return changes, chosen.versions


def _require_model(change: Change) -> None:
    """Better refused now than failed by the worker."""
    if change.path != "analysis.model" or not change.after:
        return
    prices = settings().openai_prices
    if change.after not in prices:
        raise InvalidInput(
            f"analysis.model: OPENAI_PRICES has no price for {change.after!r}, so its cost cannot"
            f" be held to the budget.{did_you_mean(change.after, prices)} Priced are"
            f" {', '.join(prices) or 'none'}.",
            field=change.path,
        )
    if default_name(settings()) != "openai":
        raise InvalidInput(
            "analysis.model: no model can be asked without OPENAI_API_KEY. Set it, or leave the"
            " model as it was.",
            field=change.path,
        )


def _first_step(source: Source, changes: Changes, wanted: str | None) -> str:
    """Where to begin; raises `InvalidInput` for a step that comes too late or has no inputs."""
    earliest = changes.first_step
    first_step = wanted or earliest or STEP_NAMES[0]
    names = [step.name for step in live_plan().steps if step.touches is not Touches.ORDERS]
    if first_step not in names:
        raise UnknownName(
            f"from: no replay begins at {first_step!r}.{did_you_mean(first_step, names)} Choose"
            f" from {', '.join(names)}.",
            field="from_step",
        )
    if earliest and place_of(first_step) > place_of(earliest):
        touched = ", ".join(change.path for change in changes.asked)
        raise InvalidInput(
            f"from: {touched} is seen from step {earliest} on. Replay from {earliest} or earlier,"
            " or leave the step out.",
            field="from_step",
        )
    if wanted is None:
        _require_effect(source, changes, first_step)
    _require_inputs(source, first_step)
    return first_step


def _require_effect(source: Source, changes: Changes, first_step: str) -> None:
    """Raises `InvalidInput` for changes that only steps see which the source never came to."""
    for step in live_plan().steps[: place_of(first_step)]:
        record = source.records.get(step.name)
        if record is not None and record.outcome is not None:
            path = changes.asked[0].path
            raise InvalidInput(
                f"{path}: step {step.name} ended {source.name} ({record.reason_code}), before step"
                f" {first_step}, which is the first to see that change. Change what ended it too.",
                field=path,
            )


def _require_inputs(source: Source, first_step: str) -> None:
    """Every step before has to be done, and one that reads the outside needs its own record."""
    for step in live_plan().steps:
        is_first = step.name == first_step
        if not is_first and not source.is_done(step.name):
            raise InvalidInput(_why_not_behind(source, step.name, first_step), field="from_step")
        if is_first and step.touches is Touches.OUTSIDE and step.name not in source.records:
            raise InvalidInput(
                f"from: step {step.name} of {source.name} is not on record, and a replay does not"
                " ask the broker. Run the strategy again instead.",
                field="from_step",
            )
        source.found(step)
        if is_first:
            return


def _why_not_behind(source: Source, step: str, first_step: str) -> str:
    record = source.records.get(step)
    if record is None:
        return (
            f"from: {source.name} never finished step {step}, so there is nothing to run"
            f" {first_step} on. Replay from an earlier step."
        )
    return (
        f"from: step {step} ended {source.name} ({record.reason_code}), so nothing behind it is on"
        f" record. Replay from {step} or earlier."
    )


def _keep(session: Session, clock: Clock, source: Source, made: Execution) -> None:
    """The execution with what it takes over, and who asked for it."""
    assert made.replay_from is not None
    before = [
        step for step in live_plan().steps if place_of(step.name) < place_of(made.replay_from)
    ]
    made.created_at = made.sent_at = clock.now()
    made.lease_token = NOT_YET_LEASED if before else None
    made.chain_head = lineage.genesis(made)
    session.add(made)
    session.flush()
    if before:
        _take_over(session, clock, made, [source.records[step.name] for step in before])
        session.refresh(made)
    asked = (made.changes or {})["asked"]
    audit.record(
        session,
        clock,
        actor=made.requested_by,
        action="execution.replayed",
        subject=f"execution {made.replay_of}",
        after={"replay": made.id, "from": made.replay_from, "changes": asked},
    )


def _take_over(
    session: Session, clock: Clock, made: Execution, records: list[LineageRecord]
) -> None:
    progress = Progress(status=Status.QUEUED, next_step=made.replay_from, next_attempt=1)
    for record in records:
        told = lineage.for_lists(record.output)
        progress = replace(
            progress, **{name: value for name, value in told.items() if value is not None}
        )
    chain = Chain(made.id, NOT_YET_LEASED, 0, made.chain_head)
    entries = [_taken_over(record, clock) for record in records]
    lineage.append(session.connection(), chain, entries, progress)


def _taken_over(record: LineageRecord, clock: Clock) -> Entry:
    """The same facts under a record of its own, which names the one that they come from."""
    now = clock.now()
    origin = {
        "at": now.isoformat(),
        "note": f"Taken over from record {record.sequence} of execution {record.execution_id}.",
        "taken_over_from": record.hash,
        "code_version": record.code_version,
    }
    return Entry(
        step=record.step,
        attempt=1,
        status=record.status,
        reason_code=record.reason_code,
        reason=record.reason,
        input=record.input,
        output=record.output,
        artifacts=[Artifact(**each) for each in record.artifacts],
        notes=[*record.notes, origin],
        started_at=now,
        recorded_at=now,
        seconds=0.0,
        actor=actor(is_replay=True),
        code_version=code_version(),
    )
