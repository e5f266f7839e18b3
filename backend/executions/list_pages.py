"""The list of executions and the views of it that a person keeps."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.core.database import SessionDep
from backend.core.errors import InvalidInput
from backend.executions import list_query, listing, live, service, views
from backend.executions.list_query import ListQuery
from backend.executions.models import Execution, Trigger
from backend.web import audit
from backend.web.flash import flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep, actor

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, kw_only=True)
class Page:
    rows: Sequence[tuple[Execution, str]]
    newer: str
    older: str


@router.get("/executions")
def list_executions(
    request: Request, session: SessionDep, asked: Annotated[ListQuery, Query()]
) -> Response:
    return _render(request, session, asked)


@router.post("/executions/views")
def save_view(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    person: ActorDep,
    name: Annotated[str, Form()] = "",
    query: Annotated[str, Form(max_length=2000)] = "",
) -> Response:
    asked = list_query.read(query)
    try:
        view = views.save(session, clock, owner=person, name=name, query=asked.query())
    except InvalidInput as error:
        entered = {"name": name, "error": error.message}
        return _render(request, session, asked, entered=entered, status_code=422)
    audit.record(
        session,
        clock,
        actor=person,
        action="view.saved",
        subject=f"view {view.name}",
        after={"query": view.query},
    )
    response = RedirectResponse(asked.href(), status_code=303)
    flash(response, f"Saved the view {view.name}.")
    return response


@router.post("/executions/views/{view_id}/delete")
def delete_view(
    session: SessionDep,
    clock: ClockDep,
    person: ActorDep,
    view_id: Annotated[int, Path(ge=1, le=2**31 - 1)],
) -> Response:
    name = views.forget(session, owner=person, view_id=view_id)
    audit.record(session, clock, actor=person, action="view.deleted", subject=f"view {name}")
    response = RedirectResponse(list_query.PATH, status_code=303)
    flash(response, f"Deleted the view {name}.")
    return response


def _render(
    request: Request,
    session: Session,
    asked: ListQuery,
    *,
    entered: dict[str, str] | None = None,
    status_code: int = 200,
) -> Response:
    context: dict[str, Any] = {
        # Read first: what happens while the rest is read is news to the page.
        "mark": live.mark_of_all(session),
        "asked": asked,
        "page": _page(session, asked),
        "counts": listing.count(session, asked.filters),
        "scatter": listing.scatter(session, asked.filters),
        "states": listing.STATES,
        "triggers": list(Trigger),
        "symbols": listing.symbols(session),
        "strategies": listing.strategies(session),
        "views": views.of(session, actor(request)),
        "entered": entered or {"name": "", "error": ""},
    }
    return templates.TemplateResponse(
        request, "executions/list.html", context, status_code=status_code
    )


def _page(session: Session, asked: ListQuery) -> Page:
    """One row more than is shown tells whether the list goes on in that direction."""
    rows = service.find(session, asked.filters, service.PAGE + 1)
    goes_on = len(rows) > service.PAGE
    is_upwards = asked.after is not None
    rows = rows[-service.PAGE :] if is_upwards else rows[: service.PAGE]
    if not rows:
        return Page(rows=rows, newer="", older="")
    has_newer = goes_on if is_upwards else asked.before is not None
    has_older = True if is_upwards else goes_on
    return Page(
        rows=rows,
        newer=asked.href(after=rows[0][0].id) if has_newer else "",
        older=asked.href(before=rows[-1][0].id) if has_older else "",
    )
