"""The page of one execution: its thirteen steps, charts, prompts and answers."""

from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response

from backend.core.database import SessionDep
from backend.core.errors import AppError
from backend.executions import lineage, live, service
from backend.executions.api import artifact_response
from backend.executions.models import ArtifactRow, LineageRecord, RecordStatus, Status
from backend.storage.base import Storage
from backend.web import sessions
from backend.web.live import HubDep, stream
from backend.web.rendering import templates
from backend.web.state import ClockDep
from backend.workflow.plan import STEP_NAMES

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One of the thirteen steps on the page: its attempts so far, the newest last."""

    number: int
    name: str
    attempts: list[LineageRecord]
    is_running: bool

    @property
    def last(self) -> LineageRecord | None:
        return self.attempts[-1] if self.attempts else None

    @property
    def state(self) -> str:
        if self.last is not None and not self.is_running:
            return self.last.status.value
        return "running" if self.is_running else "waiting"

    @property
    def found(self) -> dict[str, Any]:
        return (self.last and self.last.output) or {}


@router.get("/executions/{execution_id}")
def show_execution(request: Request, session: SessionDep, execution_id: Id) -> Response:
    execution = service.get(session, execution_id)
    name, version = service.strategy_of(session, execution)
    records = lineage.read(session, execution)
    steps = [
        StepView(
            number=number,
            name=step,
            attempts=[record for record in records if record.step == step],
            is_running=execution.status is Status.RUNNING and execution.current_step == step,
        )
        for number, step in enumerate(STEP_NAMES, start=1)
    ]
    context = {
        "execution": execution,
        "strategy_name": name,
        "version": version,
        "steps": {step.name: step for step in steps},
        "conversations": _conversations(request.app.state.storage, steps),
        "is_live": execution.status in (Status.QUEUED, Status.RUNNING),
    }
    return templates.TemplateResponse(request, "executions/detail.html", context)


@router.get("/live/executions")
def follow_executions(request: Request, hub: HubDep, clock: ClockDep, known: str = "") -> Response:
    """What the overview and lists watch; `known` is the state that they were made from."""
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)
    return stream(live.follow_all(hub, last_seen, may_read))


@router.get("/artifacts/{sha256}")
def show_artifact(
    request: Request,
    session: SessionDep,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$")],
) -> Response:
    return artifact_response(request, session.get(ArtifactRow, sha256), sha256)


def _conversations(storage: Storage, steps: list[StepView]) -> list[dict[str, Any]]:
    """Every question to the analyst with its texts, read from the artifacts."""
    found = []
    for step in steps:
        if step.last is None or step.last.status is RecordStatus.INTERRUPTED:
            continue
        listed = list(step.found.get("conversations") or [])
        if step.found.get("view_conversation"):
            listed.append(step.found["view_conversation"])
        for summary in listed:
            found.append({**summary, **_texts(storage, summary["text"]["sha256"])})
    return found


def _texts(storage: Storage, sha256: str) -> dict[str, Any]:
    """What was said, or why it cannot be shown: the other steps must stay readable."""
    try:
        return {"content": orjson.loads(storage.get(sha256))}
    except AppError as error:
        return {"content": None, "lost": error.message}
