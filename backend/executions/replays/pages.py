"""The page that starts a replay, and the one that holds two executions against each other."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.database import SessionDep
from backend.core.errors import AppError, Conflict, InvalidInput
from backend.executions import live
from backend.executions.replays import comparing, sources
from backend.executions.replays import form as replay_form
from backend.executions.replays import service as replay
from backend.executions.replays.form import MORE, TEXT, ReplayForm
from backend.executions.replays.sources import Source
from backend.web.flash import flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
AnyId = Annotated[int, Query(ge=1, le=2**63 - 1)]


async def _typed(request: Request) -> dict[str, str]:
    """Every text field of the form, whatever it is called."""
    form = await request.form()
    return {
        name: value.replace("\r\n", "\n") for name, value in form.items() if isinstance(value, str)
    }


Typed = Annotated[dict[str, str], Depends(_typed)]
FromStep = Annotated[str, Query(alias="from", max_length=64)]


@router.get("/executions/compare")
def compare_executions(request: Request, session: SessionDep, a: AnyId, b: AnyId) -> Response:
    """Two executions side by side; fills while one of them is still running."""
    # Before anything is read, so that no change falls between the page and its stream.
    mark = live.mark_of_all(session)
    found = comparing.compared(session, request.app.state.storage, a, b)
    context = {"found": found, "mark": mark}
    return templates.TemplateResponse(request, "executions/compare.html", context)


@router.get("/executions/{execution_id}/replay")
def ask_for_replay(
    request: Request, session: SessionDep, execution_id: Id, from_step: FromStep = ""
) -> Response:
    form = replay_form.form_for(
        session, sources.read(session, execution_id), {"from_step": from_step}
    )
    return _page(request, session, form)


@router.post("/executions/{execution_id}/replay")
def start_replay(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    person: ActorDep,
    execution_id: Id,
    typed: Typed,
) -> Response:
    """303 to the comparison, which fills as the replay runs; 422 with what was typed kept."""
    source = sources.read(session, execution_id)
    try:
        with session.begin_nested():
            made = _start(session, clock, source, typed, person)
    except (InvalidInput, Conflict) as error:
        form = replay_form.form_for(session, source, typed, {_field(error): error.message})
        return _page(request, session, form, status=error.status_code)
    response = RedirectResponse(f"/executions/compare?a={execution_id}&b={made}", status_code=303)
    flash(response, f"Replay {made} is started. Nothing is sent to the broker.")
    return response


def _start(
    session: Session, clock: Clock, source: Source, typed: dict[str, str], person: str
) -> int:
    form = replay_form.form_for(session, source, typed)
    made = replay.start(
        session,
        clock,
        source.execution.id,
        replay_form.wanted(form),
        from_step=typed.get("from_step") or None,
        requested_by=person,
    )
    return made.id


def _page(request: Request, session: Session, form: ReplayForm, *, status: int = 200) -> Response:
    context: dict[str, Any] = {
        "form": form,
        "source": form.source,
        "execution": form.source.execution,
        "replays": replay.replays_of(session, form.source.execution.id),
    }
    return templates.TemplateResponse(
        request, "executions/replay.html", context, status_code=status
    )


def _field(error: AppError) -> str:
    """The field of the form that an error speaks of; "form" for one of no field."""
    path = error.field or "form"
    if path.startswith("charts."):
        return ".".join([*path.split(".")[:2], "indicators"])
    if path.startswith("prompts."):
        return f"{TEXT}{path.removeprefix('prompts.')}"
    known = ("from_step", "analysis.model", "signal.long_when", "signal.short_when")
    return path if path in (*known, "signal.min_confidence", "form") else MORE
