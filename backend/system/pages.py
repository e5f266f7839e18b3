"""The machine's own pages: parts, workers, stores, settings in force."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from redis.exceptions import RedisError

from backend.brokers.pacing import read_metrics
from backend.core import redis
from backend.core.clock import machine_clock
from backend.core.database import SessionDep
from backend.core.errors import AppError, InvalidInput
from backend.core.settings import settings
from backend.core.version import VERSION
from backend.executions import health
from backend.storage.base import Storage
from backend.system import settings_in_force, stores, workers
from backend.web.rendering import templates
from backend.web.state import ClockDep

router = APIRouter(include_in_schema=False)


@router.get("/system")
def show_system(request: Request) -> Response:
    """What takes asking comes in pieces of its own: nobody waits for a part that is away."""
    board: health.Board = request.app.state.health
    context = {
        "health": board.known,
        "version": VERSION,
        "gateway_url": settings().ibkr_gateway_url,
        "has_flower": bool(settings().flower_url),
    }
    return templates.TemplateResponse(request, "system/system.html", context)


@router.get("/system/workers")
def show_workers(request: Request, session: SessionDep, clock: ClockDep) -> Response:
    now = machine_clock(clock).now()
    try:
        context = {
            "workers": workers.workers(now),
            "beats": workers.beats(now),
            "trackers": workers.trackers(session, now),
            "queue": workers.waiting(session, clock.now()),
            "calls": _calls(),
        }
    except (RedisError, AppError) as error:
        context = {"away": f"Redis does not answer: {error}"}
    context |= {"now": now, "answer_seconds": workers.ANSWER_SECONDS}
    return templates.TemplateResponse(request, "system/_workers.html", context)


@router.get("/system/stores")
def show_stores(request: Request, session: SessionDep, clock: ClockDep) -> Response:
    storage: Storage = request.app.state.storage
    context = {
        "now": clock.now(),
        "database": stores.database(session),
        "artifacts": stores.artifacts(session, storage),
    }
    try:
        context["redis"] = stores.redis_server()
    except (RedisError, AppError) as error:
        context["redis_away"] = f"It does not answer: {error}"
    return templates.TemplateResponse(request, "system/_stores.html", context)


@router.get("/system/settings")
def show_settings(request: Request) -> Response:
    context = {"groups": settings_in_force.groups()}
    return templates.TemplateResponse(request, "system/settings.html", context)


@router.get("/system/logs")
def find_logs(execution: Annotated[str, Query(max_length=20)] = "") -> Response:
    """Logs are kept by execution and shown by its pages."""
    number = execution.strip().lstrip("#")
    if not number.isdecimal() or not 0 < int(number) < 2**63:
        raise InvalidInput(
            f"execution: {execution!r} is no number of an execution, such as 42.",
            field="execution",
        )
    return RedirectResponse(f"/executions/{int(number)}/logs", status_code=303)


def _calls() -> list[tuple[str, int, int, float]]:
    """Per kind of call to the gateway: how many, how many of them failed, seconds waited."""
    told = read_metrics(redis.client())
    kinds = sorted({label for label, _ in told.calls})
    return [
        (
            kind,
            sum(count for (label, _), count in told.calls.items() if label == kind),
            sum(
                count
                for (label, outcome), count in told.calls.items()
                if label == kind and outcome != "ok"
            ),
            told.waited_seconds.get(kind, 0.0),
        )
        for kind in kinds
    ]
