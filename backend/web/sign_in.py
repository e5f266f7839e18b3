"""Signing in, by a link that works once or by name and password; and signing out."""

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.database import SessionDep
from backend.core.errors import NotAllowed
from backend.web import audit, cookies, csrf, links, people, rate_limits, sessions
from backend.web.people import Person
from backend.web.rendering import templates
from backend.web.returning import local_path
from backend.web.signed_in import PersonDep, VisitorDep
from backend.web.state import MachineClock

router = APIRouter(include_in_schema=False)

Text = Annotated[str, Form(max_length=2_000)]

USED_LINK = (
    "This link has been used, or is older than an hour. Make another in the terminal:"
    " ./glassbox link"
)
WRONG_PASSWORD = (
    "Name and password do not belong together. Without a password, sign in by a link:"
    " ./glassbox link"
)


@router.get("/sign-in")
def show_sign_in(
    request: Request,
    person: VisitorDep,
    token: Annotated[str | None, Query(max_length=200)] = None,
    next: Annotated[str | None, Query(max_length=2_000)] = None,
) -> Response:
    """A link is not used up by looking at it: previews of chats and mails look too."""
    if person is not None and token is None:
        return RedirectResponse(local_path(next), 303)
    return _page(request, next=local_path(next), token=token)


@router.post("/sign-in")
def sign_in(
    request: Request,
    session: SessionDep,
    clock: MachineClock,
    token: Text = "",
    name: Text = "",
    password: Text = "",
    next: Text = "",
) -> Response:
    # There is no session yet that a token could belong to.
    if not csrf.comes_from_us(request, is_proof_needed=True):
        raise NotAllowed(
            "This came from somewhere else, so nobody was signed in. Open /sign-in and try there.",
            code="forged",
        )
    address = request.client.host if request.client else ""
    if token:
        person = links.use(session, clock, token)
        if person is None:
            rate_limits.count_sign_in(address)
    else:
        rate_limits.count_sign_in(address, name)
        person = people.with_password(session, name.strip(), password)
    path = local_path(next)
    if person is None:
        _note_failure(session, clock, None if token else name.strip())
        error = USED_LINK if token else WRONG_PASSWORD
        return _page(request, next=path, name=name, error=error, status=401)
    return _let_in(request, session, clock, person, path, by="link" if token else "password")


@router.post("/sign-out")
def sign_out(
    request: Request, session: SessionDep, clock: MachineClock, person: PersonDep
) -> Response:
    sessions.revoke(session, clock, person, only=request.state.browser_session.id)
    audit.record(
        session, clock, actor=person.actor, action="person.signed_out", subject=person.subject
    )
    response = RedirectResponse("/sign-in", 303)
    cookies.drop(response, request)
    return response


def _let_in(
    request: Request, session: Session, clock: Clock, person: Person, path: str, *, by: str
) -> Response:
    """A new session, whatever the browser brought: one that somebody planted gains nothing."""
    _end_old_session(request, session, clock)
    row, token = sessions.begin(
        session,
        clock,
        person,
        address=request.client.host if request.client else "",
        agent=request.headers.get("user-agent", ""),
    )
    audit.record(
        session,
        clock,
        actor=person.actor,
        action="person.signed_in",
        subject=person.subject,
        after={"by": by, "session": row.id, "browser": row.agent},
    )
    response = RedirectResponse(path, 303)
    cookies.put(response, request, token, lifetime=sessions.LONGEST)
    return response


def _end_old_session(request: Request, session: Session, clock: Clock) -> None:
    old = cookies.token(request)
    found = sessions.find(session, clock, old) if old else None
    if found is not None:
        sessions.revoke(session, clock, found.row.person, only=found.row.id)


def _note_failure(session: Session, clock: Clock, name: str | None) -> None:
    """Only a name that exists is kept: people type passwords into the wrong field."""
    known = None if name is None else people.find(session, name)
    audit.record(
        session,
        clock,
        actor="nobody",
        action="person.sign_in_failed",
        subject=known.subject if known else "person unknown",
        after={"by": "link" if name is None else "password"},
    )


def _page(
    request: Request,
    *,
    next: str,
    token: str | None = None,
    name: str = "",
    error: str = "",
    status: int = 200,
) -> Response:
    context = {"next": next, "token": token, "name": name, "error": error}
    return templates.TemplateResponse(request, "sign_in/form.html", context, status_code=status)
