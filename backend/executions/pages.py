"""The page of one execution: why it did or did not want to trade, step by step, live."""

from collections.abc import Sequence
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.sse import format_sse_event
from sqlalchemy.orm import Session

from backend.core import log_lines
from backend.core.clock import Clock
from backend.core.database import SessionDep
from backend.core.errors import AppError, NotFound
from backend.executions import conversation, lineage, live, service, sheet, verify
from backend.executions.api import artifact_response
from backend.executions.following_api import exported
from backend.executions.models import ArtifactRow, Execution, LineageRecord, Status
from backend.executions.series_table import series_table
from backend.executions.sheet import Sheet
from backend.portfolio.orders import listing as orders
from backend.portfolio.orders.listing import Listed
from backend.storage.base import Storage
from backend.web import sessions
from backend.web.live import HubDep, LastSeen, stream
from backend.web.rendering import templates
from backend.web.state import ClockDep
from backend.workflow.plan import STEP_NAMES

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
StepName = Annotated[str, Query(max_length=40)]


@router.get("/live/executions")
def follow_executions(request: Request, hub: HubDep, clock: ClockDep, known: str = "") -> Response:
    """What the overview and lists watch; `known` is the state that they were made from."""
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)
    return stream(live.follow_all(hub, last_seen, may_read))


@router.get("/executions/{execution_id}")
def show_execution(
    request: Request, session: SessionDep, clock: ClockDep, execution_id: Id, step: StepName = ""
) -> Response:
    shown = sheet.read(session, execution_id, clock.now(), step=step)
    context = {
        # Read first: what happens while the rest is read is news to the page.
        "orders_mark": orders.mark(session),
        "orders": orders.of_execution(session, execution_id),
        "sheet": sheet.with_actions(session, shown),
    }
    return templates.TemplateResponse(request, "executions/detail.html", context)


@router.get("/executions/{execution_id}/live")
def follow_execution(
    request: Request,
    hub: HubDep,
    session: SessionDep,
    clock: ClockDep,
    execution_id: Id,
    known: Annotated[int, Query(ge=0, le=2**31 - 1)] = 0,
    last_seen: LastSeen | None = None,
) -> Response:
    """The parts of the page that have changed, made here, until the execution has finished."""
    service.get(session, execution_id)
    may_read = sessions.watch(clock, request.state.browser_session)
    known = known if last_seen is None else last_seen
    return stream(live.follow(hub, "page", execution_id, known, _parts_by(clock), may_read))


def _parts_by(clock: Clock) -> live.Look:
    def look(session: Session, execution: Execution, known: int) -> list[bytes]:
        shown = sheet.read(session, execution.id, clock.now())
        made = orders.of_execution(session, execution.id)
        parts = orjson.dumps(page_parts(shown, known) | _orders_part(shown, made)).decode()
        number = str(shown.execution.record_count)
        events = [format_sse_event(event="parts", id=number, data_str=parts)]
        if shown.execution.status is Status.FINISHED:
            events.append(format_sse_event(event="done", id=number, data_str="{}"))
        return events

    return look


def page_parts(shown: Sheet, known: int) -> dict[str, str]:
    """Element id -> HTML: head, rail, and every step with a record beyond `known` or at work."""
    module = templates.env.get_template("executions/_parts.html").make_module({"sheet": shown})
    macros: Any = module
    parts = {"run-head": str(macros.head(shown)), "run-rail": str(macros.rail(shown))}
    for step in shown.steps:
        if step.is_running or any(record.sequence >= known for record in step.records):
            parts[f"step-{step.name}"] = str(macros.step_part(shown, step))
    return parts


def _orders_part(shown: Sheet, made: Sequence[Listed]) -> dict[str, str]:
    template = templates.env.get_template("executions/_orders.html")
    return {"run-orders": template.render(sheet=shown, orders=made)}


@router.get("/executions/{execution_id}/records/{sequence}")
def show_record(
    request: Request,
    session: SessionDep,
    execution_id: Id,
    sequence: Annotated[int, Path(ge=0, le=2**31 - 1)],
) -> Response:
    execution, record = _record(session, execution_id, sequence)
    context = {"execution": execution, "record": record}
    return templates.TemplateResponse(request, "executions/record.html", context)


def _record(session: Session, execution_id: int, sequence: int) -> tuple[Execution, LineageRecord]:
    execution = service.get(session, execution_id)
    for record in lineage.read(session, execution):
        if record.sequence == sequence:
            return execution, record
    raise NotFound(f"Execution {execution_id} has no record {sequence}.")


@router.get("/executions/{execution_id}/conversation/{sha256}")
def show_conversation(
    request: Request, session: SessionDep, execution_id: Id, sha256: Sha256
) -> Response:
    execution, facts = _facts(session, execution_id)
    talk = conversation.read(_storage(request), facts, conversation.find(facts, sha256))
    context = {"execution": execution, "talk": talk}
    return templates.TemplateResponse(request, "executions/conversation.html", context)


@router.get("/executions/{execution_id}/series")
def show_series(request: Request, session: SessionDep, execution_id: Id) -> Response:
    execution, facts = _facts(session, execution_id)
    table, lost = series_table(_storage(request), facts)
    context = {"execution": execution, "table": table, "lost": lost}
    return templates.TemplateResponse(request, "executions/series.html", context)


def _facts(session: Session, execution_id: int) -> tuple[Execution, dict[str, Any]]:
    """The execution and all that its steps found."""
    execution = service.get(session, execution_id)
    records = lineage.read(session, execution)
    return execution, {
        name: fact for record in records for name, fact in (record.output or {}).items()
    }


@router.get("/executions/{execution_id}/logs")
def show_logs(
    request: Request, session: SessionDep, execution_id: Id, step: StepName = ""
) -> Response:
    execution = service.get(session, execution_id)
    lines, lost = [], ""
    try:
        lines = log_lines.read(execution_id)
    except AppError as error:
        lost = error.message
    context = {
        "execution": execution,
        "step": step if step in STEP_NAMES else "",
        "steps": STEP_NAMES,
        "lines": [line for line in lines if not step or line.get("step") == step],
        "lost": lost,
        "kept_days": log_lines.KEPT.days,
    }
    return templates.TemplateResponse(request, "executions/logs.html", context)


@router.get("/executions/{execution_id}/verify")
def show_verification(request: Request, session: SessionDep, execution_id: Id) -> Response:
    execution = service.get(session, execution_id)
    context = {
        "execution": execution,
        "report": verify.verify(session, _storage(request), execution),
        "records": lineage.read(session, execution),
        "genesis": lineage.genesis(execution),
    }
    return templates.TemplateResponse(request, "executions/verify.html", context)


@router.get("/executions/{execution_id}/export")
def export_execution(request: Request, session: SessionDep, execution_id: Id) -> Response:
    return exported(session, _storage(request), execution_id)


@router.get("/artifacts/{sha256}")
def show_artifact(request: Request, session: SessionDep, sha256: Sha256) -> Response:
    return artifact_response(request, session.get(ArtifactRow, sha256), sha256)


def _storage(request: Request) -> Storage:
    storage: Storage = request.app.state.storage
    return storage
