"""The first page, and the part of it that is asked for after it has come."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.approvals import view as approvals
from backend.core.database import SessionDep
from backend.executions import live
from backend.executions.health import Board
from backend.overview import checklist, due, gateway, holding, money, runs
from backend.portfolio import approvals as questions
from backend.portfolio import halts
from backend.portfolio import pages as portfolio_pages
from backend.trading.oversight import Halt
from backend.web import sessions
from backend.web.live import HubDep, follow_changes, stream
from backend.web.rendering import templates
from backend.web.state import ClockDep

router = APIRouter(include_in_schema=False)

CHECKLIST_COOKIE = "glassbox_checklist"
YEAR_SECONDS = 365 * 86_400


@router.get("/")
def show_overview(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    is_wanted: Annotated[bool, Query(alias="checklist")] = False,
) -> Response:
    now = clock.now()
    board: Board = request.app.state.health
    standing = request.app.state.standing()
    context = {
        # Read first: what happens while the rest is read is news to the page.
        "mark": _mark(session, now),
        "now": now,
        "halts": _halts(session),
        "holding": holding.account(session, standing.account if standing else None),
        "checklist": _checklist(request, session, is_wanted=is_wanted),
        "line": gateway.line(session, now),
        "day": runs.day(session, now),
        "troubles": runs.troubles(session, now),
        "decisions": runs.decisions(session),
        "questions": approvals.waiting(session, now),
        "speed": approvals.clock_speed(),
        "due": due.upcoming(session, now),
        "money": money.today(session, now),
        "health": board.known,
    }
    return templates.TemplateResponse(request, "overview/overview.html", context)


@router.get("/live/overview")
def follow_overview(request: Request, hub: HubDep, clock: ClockDep, known: str = "") -> Response:
    """What this page watches: executions, orders, money and questions to people."""
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)

    def mark(session: Session) -> str:
        return _mark(session, clock.now())

    return stream(follow_changes(hub, "executions", last_seen, mark, may_read))


def _mark(session: Session, now: datetime) -> str:
    marks = (live.mark_of_all(session), portfolio_pages.mark(session), questions.mark(session, now))
    return "/".join(marks)


@router.get("/overview/health")
def show_health(request: Request) -> Response:
    """A piece of the page: it may take as long as the slowest part."""
    board: Board = request.app.state.health
    context = {"health": board.ask()}
    return templates.TemplateResponse(request, "overview/_health.html", context)


@router.post("/overview/checklist/dismiss")
def dismiss_checklist() -> Response:
    response = RedirectResponse("/", status_code=303)
    response.set_cookie(
        CHECKLIST_COOKIE, "dismissed", max_age=YEAR_SECONDS, httponly=True, samesite="lax"
    )
    return response


def _halts(session: Session) -> list[Halt]:
    """Every kill switch that is pulled, in the database or by the file."""
    by_file = halts.by_file(halts.file())
    pulled = [halts.as_value(row) for row in halts.in_force(session)]
    return [by_file, *pulled] if by_file else pulled


def _checklist(request: Request, session: Session, *, is_wanted: bool) -> dict[str, Any] | None:
    """None once it is done or was dismissed in this browser, unless somebody asks for it."""
    found = checklist.items(session, request.app.state.standing())
    is_dismissed = request.cookies.get(CHECKLIST_COOKIE) == "dismissed"
    if not is_wanted and (is_dismissed or checklist.is_done(found)):
        return None
    done = sum(item.state != "open" for item in found)
    return {"items": found, "done": done}
