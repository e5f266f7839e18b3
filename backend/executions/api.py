"""REST for executions, lineage and artifacts."""

from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from backend.core.database import SessionDep
from backend.core.errors import InvalidInput, NotFound
from backend.executions import dispatch, lineage, listing, service, verify
from backend.executions.models import (
    ArtifactRow,
    RecordStatus,
    Status,
    Trigger,
)
from backend.storage.base import Storage
from backend.strategies import service as strategies
from backend.web.security import Operator, Reader
from backend.web.state import ActorDep, ClockDep
from backend.workflow.outcome import Outcome

router = APIRouter(prefix="/api")

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
StrategyId = Annotated[int, Path(ge=1, le=2**31 - 1)]
Limit = Annotated[int, Query(ge=1, le=500)]
_SEARCH = "Words of the reason, a symbol, a part of the strategy's name, or an id."


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ExecutionOut(Out):
    id: int
    strategy_id: int
    symbol: str
    due_at: datetime
    trigger: Trigger
    requested_by: str
    status: Status
    outcome: Outcome | None
    reason_code: str | None
    reason: str | None
    signal_action: str | None
    is_simulated: bool | None
    replay_of: int | None = Field(description="Null for an execution that met the world.")
    current_step: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    record_count: int
    tokens: int
    cost_usd: Decimal


class ExecutionPage(BaseModel):
    executions: list[ExecutionOut]
    next_before: int | None = Field(
        description="Pass as `before` for the next page; null at the end."
    )


class ExecutionCounts(BaseModel):
    by_state: dict[str, int]
    at_most: int = Field(description="Counting goes no further; there may be more of such a one.")


class RecordOut(Out):
    execution_id: int
    sequence: int
    step: str
    attempt: int
    status: RecordStatus
    outcome: Outcome | None
    reason_code: str | None
    reason: str | None
    input: dict[str, Any]
    output: dict[str, Any] | None
    artifacts: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    tokens: int
    cost_usd: Decimal
    started_at: datetime
    recorded_at: datetime
    seconds: float
    actor: str
    code_version: str
    previous_hash: str
    hash: str


class Started(BaseModel):
    execution_ids: list[int]


class Statistics(BaseModel):
    since: datetime
    steps: list[dict[str, Any]]
    outcomes: list[dict[str, Any]]


class StartRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    symbols: list[str] | None = Field(None, description="Some of the strategy's; null is all.")


@router.post("/strategies/{strategy_id}/executions", status_code=202)
def start_executions(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    strategy_id: StrategyId,
    request: StartRequest | None = None,
) -> Started:
    """Run a strategy now, one execution per symbol."""
    strategy = strategies.get(session, strategy_id)
    ids = dispatch.start(
        session,
        clock,
        strategy,
        symbols=request.symbols if request else None,
        trigger=Trigger.API,
        requested_by=actor,
    )
    dispatch.note_start(session, clock, strategy, ids, actor=actor)
    return Started(execution_ids=ids)


@router.get("/executions")
def list_executions(
    session: SessionDep,
    _key: Reader,
    strategy_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    status: Status | None = None,
    outcome: Outcome | None = None,
    trigger: Trigger | None = None,
    reason_code: Annotated[str | None, Query(max_length=64)] = None,
    since: datetime | None = None,
    until: datetime | None = None,
    q: Annotated[str | None, Query(max_length=200, description=_SEARCH)] = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Limit = 50,
) -> ExecutionPage:
    filters = service.Filters(
        strategy_id=strategy_id,
        symbol=symbol,
        status=status,
        outcome=outcome,
        trigger=trigger,
        reason_code=reason_code,
        since=_aware(since, "since"),
        until=_aware(until, "until"),
        words=q or None,
        before=before,
    )
    rows = service.find(session, filters, limit)
    executions = [ExecutionOut.model_validate(execution) for execution, _name in rows]
    return ExecutionPage(
        executions=executions,
        next_before=executions[-1].id if len(executions) == limit else None,
    )


@router.get("/executions/counts")
def count_executions(
    session: SessionDep,
    _key: Reader,
    strategy_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    since: datetime | None = None,
) -> ExecutionCounts:
    """How many executions there are by status of unfinished ones and by outcome."""
    filters = service.Filters(strategy_id=strategy_id, symbol=symbol, since=_aware(since, "since"))
    counts = listing.count(session, filters)
    by_state = {state: min(count, listing.MANY) for state, count in counts.by_state.items()}
    return ExecutionCounts(by_state=by_state, at_most=listing.MANY)


@router.get("/executions/{execution_id}")
def get_execution(session: SessionDep, _key: Reader, execution_id: Id) -> ExecutionOut:
    return ExecutionOut.model_validate(service.get(session, execution_id))


@router.get("/executions/{execution_id}/lineage")
def get_lineage(session: SessionDep, _key: Reader, execution_id: Id) -> list[RecordOut]:
    """Every record of an execution, oldest first."""
    execution = service.get(session, execution_id)
    return [RecordOut.model_validate(record) for record in lineage.read(session, execution)]


@router.get("/executions/{execution_id}/verify")
def verify_execution(
    session: SessionDep, _key: Reader, request: Request, execution_id: Id
) -> dict[str, Any]:
    """Recompute the chain and every artifact's hash."""
    storage: Storage = request.app.state.storage
    report = verify.verify(session, storage, service.get(session, execution_id))
    return {**asdict(report), "is_intact": report.is_intact, "sentence": report.sentence}


@router.get("/lineage/recent")
def recent_lineage(
    session: SessionDep,
    _key: Reader,
    step: Annotated[str | None, Query(max_length=64)] = None,
    status: RecordStatus | None = None,
    reason_code: Annotated[str | None, Query(max_length=64)] = None,
    limit: Limit = 50,
) -> list[RecordOut]:
    records = service.recent_records(
        session, step=step, status=status, reason_code=reason_code, limit=limit
    )
    return [RecordOut.model_validate(record) for record in records]


@router.get("/lineage/statistics")
def lineage_statistics(
    session: SessionDep,
    clock: ClockDep,
    _key: Reader,
    days: Annotated[int, Query(ge=1, le=366)] = 7,
) -> Statistics:
    since = clock.now() - timedelta(days=days)
    return Statistics(
        since=since,
        steps=service.step_statistics(session, since),
        outcomes=service.outcome_statistics(session, since),
    )


@router.get("/artifacts/{sha256}", response_class=Response)
def get_artifact(
    session: SessionDep,
    _key: Reader,
    request: Request,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
) -> Response:
    return artifact_response(request, session.get(ArtifactRow, sha256), sha256)


def artifact_response(request: Request, row: ArtifactRow | None, sha256: str) -> Response:
    """The bytes with their own type; immutable, so browsers may keep them for good."""
    if row is None:
        raise NotFound(f"There is no artifact {sha256}.")
    storage: Storage = request.app.state.storage
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "ETag": f'"{sha256}"'}
    return Response(storage.get(sha256), media_type=row.content_type, headers=headers)


def _aware(moment: datetime | None, name: str) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise InvalidInput(
            f"{name}: give the time zone too, such as 2026-01-31T00:00:00Z.", field=name
        )
    return moment
