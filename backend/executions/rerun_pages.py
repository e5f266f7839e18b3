"""What is done with executions that were chosen in the list: compare two, start them again."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import Field
from sqlalchemy import select

from backend.core.database import SessionDep
from backend.executions import list_query, live, reruns
from backend.executions.models import Execution, Status
from backend.strategies.models import Strategy
from backend.web import audit
from backend.web.flash import flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Field(ge=1, le=2**63 - 1)]
Ids = Annotated[list[Id], Query(default_factory=list)]


@router.get("/executions/chosen")
def act_on_chosen(
    id: Ids, then: str = "", back: Annotated[str, Query(max_length=2000)] = ""
) -> Response:
    """Where the buttons below the list lead; a script disables those that do not fit."""
    id = sorted(set(id))
    if then == "compare" and len(id) == 2:
        older, newer = id
        return RedirectResponse(f"/executions/compare?a={older}&b={newer}", status_code=303)
    if then == "rerun" and id:
        chosen = "&".join(f"id={each}" for each in id)
        return RedirectResponse(f"/executions/rerun?{chosen}", status_code=303)
    response = RedirectResponse(list_query.read(back).href(), status_code=303)
    wanted = "exactly two executions to compare" if then == "compare" else "at least one execution"
    flash(response, f"Choose {wanted}; {len(id) or 'none'} was chosen.", kind="warn")
    return response


@router.get("/executions/rerun")
def confirm_rerun(request: Request, session: SessionDep, id: Ids) -> Response:
    """What will happen, before it does."""
    context = {"plan": reruns.plan(session, id), "ids": id}
    return templates.TemplateResponse(request, "executions/rerun.html", context)


@router.post("/executions/rerun")
def rerun(
    session: SessionDep,
    clock: ClockDep,
    person: ActorDep,
    id: Annotated[list[Id], Form(default_factory=list)],
) -> Response:
    started, rest = reruns.start(session, clock, reruns.plan(session, id), actor=person)
    if not started:
        response = RedirectResponse(list_query.PATH, status_code=303)
        flash(response, f"Nothing was started. {_named(rest.left_out)}", kind="warn")
        return response
    audit.record(
        session,
        clock,
        actor=person,
        action="executions.started",
        subject=f"executions {started[0]} to {started[-1]}",
        before={"chosen": id},
        after={"started": started},
    )
    chosen = "&".join(f"id={each}" for each in started)
    response = RedirectResponse(f"/executions/started?{chosen}", status_code=303)
    left = f" {_named(rest.left_out)}" if rest.left_out else ""
    flash(response, f"Started {len(started)} now.{left}", kind="warn" if left else "good")
    return response


@router.get("/executions/started")
def show_started(request: Request, session: SessionDep, id: Ids) -> Response:
    """How far the executions are that were started together."""
    mark = live.mark_of_all(session)
    rows = session.execute(
        select(Execution, Strategy.name)
        .join(Strategy, Strategy.id == Execution.strategy_id)
        .where(Execution.id.in_(id[: reruns.MOST]))
        .order_by(Execution.id)
    ).all()
    finished = sum(execution.status is Status.FINISHED for execution, _ in rows)
    context = {
        "rows": rows,
        "finished": finished,
        "is_live": finished < len(rows),
        "mark": mark,
    }
    return templates.TemplateResponse(request, "executions/started.html", context)


def _named(left_out: list[reruns.LeftOut]) -> str:
    """Whom it leaves out and why, the first few."""
    told = [f"{each.strategy}, {each.symbol}: {each.why}" for each in left_out[:3]]
    more = len(left_out) - len(told)
    return f"Left out: {' '.join(told)}{f' And {more} more.' if more else ''}"
