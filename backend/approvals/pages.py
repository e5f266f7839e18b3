"""The queue of orders that wait for a person, and the page of one of them."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.approvals import drift, service, view
from backend.approvals.drift import Drift
from backend.approvals.service import Answer
from backend.approvals.view import Question
from backend.core.clock import Clock
from backend.core.database import SessionDep, transaction
from backend.core.errors import AppError
from backend.executions import service as executions
from backend.portfolio import approvals
from backend.web import sessions
from backend.web.flash import flash
from backend.web.live import Hub, HubDep, follow_changes, stream
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Comment = Annotated[str, Form(max_length=10_000)]


@router.get("/approvals")
def list_approvals(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    now = clock.now()
    decided = view.decided(session, now, before)
    context = {
        "mark": view.mark(session, now),
        "now": now,
        "speed": view.clock_speed(),
        "waiting": view.waiting(session, now),
        "decided": decided,
        "before": before,
        "older": decided[-1].row.id if len(decided) == approvals.PAGE else None,
    }
    return templates.TemplateResponse(request, "approvals/list.html", context)


@router.get("/live/approvals")
def follow_approvals(request: Request, hub: HubDep, clock: ClockDep, known: str = "") -> Response:
    """What the queue watches; `known` is the state that it was made from."""

    def mark(session: Session) -> str:
        return view.mark(session, clock.now())

    return _follow(request, hub, clock, approvals.SUBJECT, known, mark)


@router.get("/live/approvals/{execution_id}")
def follow_approval(
    request: Request, hub: HubDep, clock: ClockDep, execution_id: Id, known: str = ""
) -> Response:
    """What the page of one watches: the question, and what becomes of its execution."""

    def mark(session: Session) -> str:
        return view.mark_of(session, execution_id, clock.now())

    return _follow(request, hub, clock, executions.subject(execution_id), known, mark)


def _follow(
    request: Request,
    hub: Hub,
    clock: Clock,
    subject: str,
    known: str,
    mark: Callable[[Session], str],
) -> Response:
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)
    return stream(follow_changes(hub, subject, last_seen, mark, may_read))


@router.get("/approvals/{approval_id}")
def show_approval(
    request: Request, session: SessionDep, clock: ClockDep, approval_id: Id
) -> Response:
    return _page(request, session, view.of(session, approval_id, clock.now()))


@router.get("/approvals/{approval_id}/quote")
def show_quote(request: Request, clock: ClockDep, approval_id: Id) -> Response:
    """A piece of the page: it may take as long as the broker."""
    question, seen = _look(request, clock, approval_id)
    context = {"question": question, "drift": seen}
    return templates.TemplateResponse(request, "approvals/_quote.html", context)


@router.post("/approvals/{approval_id}/approve")
def approve(
    request: Request,
    clock: ClockDep,
    actor: ActorDep,
    approval_id: Id,
    comment: Comment = "",
    sure: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """The order of a live account is shown once more first, and approved once `sure` is `yes`."""
    question, seen = _look(request, clock, approval_id)
    is_sure = sure == "yes"
    if question.is_open and not question.asked.is_paper and not is_sure:
        context = {"question": question, "drift": seen, "comment": comment}
        return templates.TemplateResponse(request, "approvals/confirm.html", context)
    said = Answer(actor=actor, comment=comment)
    try:
        with transaction() as session:
            service.approve(session, clock, approval_id, said, is_real_money=is_sure, drift=seen)
    except AppError as error:
        return _refused(request, clock, approval_id, error, comment)
    moved = f" The price moved {seen.fraction:+.2%} since you were asked." if seen.fraction else ""
    return _done(
        f"Approved: {question.order}.{moved} Halts, limits and quote are checked once more, then it"
        " goes out.",
        approval_id,
    )


@router.post("/approvals/{approval_id}/reject")
def reject(
    request: Request,
    clock: ClockDep,
    actor: ActorDep,
    approval_id: Id,
    comment: Comment = "",
) -> Response:
    try:
        with transaction() as session:
            row = service.reject(session, clock, approval_id, Answer(actor=actor, comment=comment))
    except AppError as error:
        return _refused(request, clock, approval_id, error, comment)
    return _done(f"Rejected: {approvals.order_of(row)}. Nothing is sent.", approval_id)


def _done(said: str, approval_id: int) -> Response:
    response = RedirectResponse(f"/approvals/{approval_id}", status_code=303)
    flash(response, said)
    return response


def _look(request: Request, clock: Clock, approval_id: int) -> tuple[Question, Drift]:
    """No transaction stands open while the broker is asked."""
    with transaction() as session:
        question = view.of(session, approval_id, clock.now())
    return question, drift.look(request.app.state.tools.broker, clock, question.asked)


def _refused(
    request: Request, clock: Clock, approval_id: int, error: AppError, comment: str
) -> Response:
    with transaction() as session:
        question = view.of(session, approval_id, clock.now())
        return _page(request, session, question, error=error, comment=comment)


def _page(
    request: Request,
    session: Session,
    question: Question,
    *,
    error: AppError | None = None,
    comment: str = "",
) -> Response:
    context = {
        "mark": view.mark_of(session, question.row.execution_id, question.now),
        "question": question,
        "sheet": view.reasons(session, question),
        "verdicts": view.risk_verdicts(question),
        "speed": view.clock_speed(),
        "error": error,
        "comment": comment,
    }
    status = error.status_code if error else 200
    return templates.TemplateResponse(request, "approvals/detail.html", context, status_code=status)
