"""REST for one execution as a whole: what happens to it, its log lines, everything as one file."""

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.sse import format_sse_event
from sqlalchemy.orm import Session

from backend.core import log_lines
from backend.core.database import SessionDep
from backend.executions import bundle, lineage, live, service
from backend.executions.api import ExecutionOut, Id, RecordOut
from backend.executions.models import Execution, Status
from backend.storage.base import Storage
from backend.web import keys
from backend.web.live import EVENT_STREAM, HubDep, LastSeen, stream
from backend.web.security import Reader
from backend.web.state import ClockDep

router = APIRouter(prefix="/api")

ZIP: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get("/executions/{execution_id}/events", response_class=Response, responses=EVENT_STREAM)
def follow_execution(
    hub: HubDep,
    clock: ClockDep,
    session: SessionDep,
    key: Reader,
    execution_id: Id,
    last_seen: LastSeen = 0,
) -> Response:
    """
    Server-sent events while it runs: `record` for each record, `execution` for each state, and
    `finished` at the end. Their id is the number of records; send it back as `Last-Event-ID`.
    """
    service.get(session, execution_id)
    may_read = keys.watch(clock, key)
    return stream(live.follow(hub, "api", execution_id, last_seen, _events, may_read))


def _events(session: Session, execution: Execution, known: int) -> list[bytes]:
    return list(_told(session, execution, known))


def _told(session: Session, execution: Execution, known: int) -> Iterator[bytes]:
    # Others may have been added since the execution's row was read: they come next time.
    for record in lineage.read(session, execution)[known : execution.record_count]:
        told = RecordOut.model_validate(record).model_dump_json()
        yield format_sse_event(event="record", id=str(record.sequence + 1), data_str=told)
    is_over = execution.status is Status.FINISHED
    yield format_sse_event(
        event="finished" if is_over else "execution",
        id=str(execution.record_count),
        data_str=ExecutionOut.model_validate(execution).model_dump_json(),
    )


@router.get("/executions/{execution_id}/logs")
def get_logs(session: SessionDep, _key: Reader, execution_id: Id) -> list[dict[str, Any]]:
    """The log lines of the last days, oldest first; an aid, not the record."""
    service.get(session, execution_id)
    return log_lines.read(execution_id)


@router.get("/executions/{execution_id}/export", response_class=Response, responses=ZIP)
def export_execution(
    session: SessionDep, _key: Reader, request: Request, execution_id: Id
) -> Response:
    """Records, artifacts and a script that verifies them, as one zip."""
    return exported(session, request.app.state.storage, execution_id)


def exported(session: Session, storage: Storage, execution_id: int) -> Response:
    """The bundle in pieces, as they are made. Raises `NotFound`."""
    execution = service.get(session, execution_id)
    records = lineage.read(session, execution)
    strategy, _ = service.strategy_of(session, execution)
    return StreamingResponse(
        bundle.stream(execution, records, strategy, storage),
        media_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{bundle.name(execution)}"'},
    )
