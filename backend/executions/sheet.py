"""Everything that the page of one execution shows, read with few queries and without artifacts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.exchange import calendars
from backend.executions import lineage, reruns, service
from backend.executions.findings import finding
from backend.executions.ladder import Ladder, ladder
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status
from backend.executions.replays import service as replay
from backend.executions.replays.changes import Changes
from backend.executions.story import Story, story
from backend.executions.timeline import Bar, Timeline, timeline
from backend.strategies.definition import schedule_of
from backend.strategies.models import Strategy, StrategyVersion
from backend.strategies.schedule import exchange_of
from backend.workflow.plan import STEP_NAMES

OPEN_STEPS = ("render_charts", "generate_signal")
"""What most readers come for; the step that ended the execution is open too."""
OPEN_STATES = ("waiting", "parked", "failed", "ended", "running")
DONE = (RecordStatus.FINISHED, RecordStatus.SKIPPED, RecordStatus.ENDED, RecordStatus.FAILED)


_SHOWN_BY = {
    "preflight": "as_of",
    "resolve_contract": "contract",
    "fetch_bars": "snapshots",
    "check_data": "quality",
    "snapshot_account": "account_snapshot",
    "compute_indicators": "last_values",
    "render_charts": "charts",
    "analyze_charts": "opinions",
    "form_view": "view",
    "generate_signal": "signal",
    "size_and_check_risk": "sizing",
    "place_orders": "placement",
    "reconcile": "reconciled",
}
"""Step -> the fact without which there is nothing to show but JSON, as in records of old code."""


@dataclass(frozen=True, kw_only=True)
class StepSheet:
    """One of the thirteen steps: its attempts so far, the newest last."""

    number: int
    name: str
    records: list[LineageRecord]
    is_running: bool
    is_waiting: bool
    """It has asked somebody, and has no answer yet."""
    is_asked_for: bool
    bars: list[Bar]

    @property
    def title(self) -> str:
        return self.name.replace("_", " ").capitalize()

    @property
    def last(self) -> LineageRecord | None:
        return self.records[-1] if self.records else None

    @property
    def state(self) -> str:
        if self.is_running:
            return "running"
        if self.is_waiting:
            return "waiting"
        return self.last.status.value if self.last is not None else "ahead"

    @property
    def found(self) -> dict[str, Any]:
        return (self.last and self.last.output) or {}

    @property
    def can_be_shown(self) -> bool:
        return _SHOWN_BY.get(self.name) in self.found

    @property
    def is_skipped(self) -> bool:
        """By the end of the execution; a step that was not needed has found something."""
        return self.state == "skipped" and not self.found

    @property
    def line(self) -> str:
        """What it found or why it did not, in a few words."""
        if self.is_skipped or self.last is None:
            return ""
        return (self.can_be_shown and finding(self.name, self.found)) or self.last.reason or ""

    @property
    def is_open(self) -> bool:
        if self.is_asked_for or self.state in OPEN_STATES:
            return True
        return self.name in OPEN_STEPS and self.can_be_shown


@dataclass(frozen=True, kw_only=True)
class Action:
    label: str
    href: str
    why_not: str = ""
    """Why it cannot be done just now; empty when it can."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    execution: Execution
    strategy_name: str
    version_number: int
    mode: str
    zone: str
    """Of the exchange, for its times."""
    steps: list[StepSheet]
    timeline: Timeline
    source: str
    changes: Changes
    """What a replay does differently; nothing for an execution that met the world."""
    previous_id: int | None = None
    next_id: int | None = None
    actions: list[Action] = field(default_factory=list)
    replays: Sequence[Execution] = ()
    """Of this execution, the newest first."""

    @cached_property
    def facts(self) -> dict[str, Any]:
        """All that was found, by name."""
        return {name: fact for step in self.steps for name, fact in step.found.items()}

    @cached_property
    def story(self) -> Story:
        ended = (record.step for record in self.records if record.outcome is not None)
        return story(self.execution, self.facts, source=self.source, ended_at=next(ended, ""))

    @cached_property
    def ladder(self) -> Ladder | None:
        return ladder(self.facts.get("signal") or {})

    @property
    def is_live(self) -> bool:
        return self.execution.status is not Status.FINISHED

    @property
    def done(self) -> int:
        """How many of the steps are."""
        return sum(step.last is not None and step.last.status in DONE for step in self.steps)

    @property
    def records(self) -> list[LineageRecord]:
        return [record for step in self.steps for record in step.records]


def read(session: Session, execution_id: int, now: datetime, *, step: str = "") -> Sheet:
    """
    The state of an execution; `step` is the one that its reader asked to see opened.

    Raises `NotFound`.
    """
    execution = service.get(session, execution_id)
    # Records that were added since the row was read belong to the next look.
    records = lineage.read(session, execution)[: execution.record_count]
    name, number, document = _version(session, execution)
    changes = Changes.from_json(execution.changes)
    document = changes.definition or document
    found = {record.step: record.output or {} for record in records}
    laid = timeline(execution, records, now)
    return Sheet(
        execution=execution,
        strategy_name=name,
        version_number=number,
        mode=str(document.get("mode", "observe")),
        changes=changes,
        source=str((document.get("signal") or {}).get("source", "")),
        zone=_zone(document, found.get("resolve_contract", {})),
        timeline=laid,
        steps=[
            StepSheet(
                number=place,
                name=each,
                records=[record for record in records if record.step == each],
                is_running=execution.status is Status.RUNNING and execution.current_step == each,
                is_waiting=execution.status is Status.WAITING and execution.current_step == each,
                is_asked_for=step == each,
                bars=laid.bars.get(each, []),
            )
            for place, each in enumerate(STEP_NAMES, start=1)
        ],
    )


def with_actions(session: Session, sheet: Sheet) -> Sheet:
    """The same with its neighbours and with what can be done, which only the whole page shows."""
    execution = sheet.execution
    before, after = service.neighbours(session, execution)
    return replace(
        sheet,
        previous_id=before,
        next_id=after,
        actions=_actions(session, execution, before),
        replays=replay.replays_of(session, execution.id),
    )


def _version(session: Session, execution: Execution) -> tuple[str, int, dict[str, Any]]:
    query = (
        select(Strategy.name, StrategyVersion.number, StrategyVersion.definition)
        .join(StrategyVersion, StrategyVersion.strategy_id == Strategy.id)
        .where(StrategyVersion.id == execution.strategy_version_id)
    )
    name, number, document = session.execute(query).one()
    return name, number, document


def _zone(document: dict[str, Any], resolved: dict[str, Any]) -> str:
    contract = resolved.get("contract")
    if contract:
        return str(contract["timezone"])
    exchange = exchange_of(schedule_of(document))
    return str(calendars.calendar(exchange).zone) if exchange else "UTC"


def _actions(session: Session, execution: Execution, before: int | None) -> list[Action]:
    here = f"/executions/{execution.id}"
    left_out = reruns.plan(session, [execution.id]).left_out
    nothing = "" if execution.record_count else "It has no record: it was skipped before its start."
    unfinished = "" if execution.status is Status.FINISHED else "It is still under way."
    return [
        Action(
            label="Run again",
            href=f"/executions/rerun?id={execution.id}",
            why_not=left_out[0].why if left_out else "",
        ),
        Action(label="Replay or fork", href=f"{here}/replay", why_not=nothing or unfinished),
        Action(
            label="Compare with previous",
            href=f"/executions/compare?a={before}&b={execution.id}",
            why_not="" if before else f"It is the strategy's first run for {execution.symbol}.",
        ),
        Action(label="Verify", href=f"{here}/verify", why_not=nothing),
        Action(label="Export", href=f"{here}/export"),
    ]
