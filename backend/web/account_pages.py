"""One's own account: where one is signed in, the password, the keys for programs."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.database import SessionDep
from backend.core.errors import AppError, InvalidInput
from backend.web import audit, keys, people, rate_limits, sessions
from backend.web.flash import flash
from backend.web.keys import Scope
from backend.web.people import Person
from backend.web.rendering import templates
from backend.web.signed_in import PersonDep
from backend.web.state import MachineClock

router = APIRouter(prefix="/account", include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
Text = Annotated[str, Form(max_length=2_000)]

SCOPES = (
    (Scope.READ, "read", "Look at everything."),
    (Scope.OPERATE, "operate", "Change strategies and prompts, and start executions."),
    (Scope.TRADE, "trade", "Let orders out: money moves."),
)
LIFETIMES = {"": "until it is revoked", "7": "a week", "30": "30 days", "365": "a year"}
"""Days as the form sends them."""


@router.get("")
def show_account(
    request: Request, session: SessionDep, clock: MachineClock, person: PersonDep
) -> Response:
    return _page(request, session, clock, person)


@router.post("/password")
def set_password(
    request: Request,
    session: SessionDep,
    clock: MachineClock,
    person: PersonDep,
    present: Text = "",
    password: Text = "",
    repeated: Text = "",
) -> Response:
    """Whoever has one must know it: an unlocked screen must not be enough to take the account."""
    mine = session.get_one(Person, person.id)
    try:
        _check_passwords(request, mine, present, password, repeated)
        people.set_password(mine, password)
    except InvalidInput as error:
        return _page(request, session, clock, person, error=error)
    ended = sessions.revoke(session, clock, mine, but=request.state.browser_session.id)
    audit.record(
        session, clock, actor=person.actor, action="person.password_set", subject=person.subject
    )
    return _done(f"Your password is set. Other sessions ended: {ended}.")


@router.post("/sessions/{session_id}/end")
def end_session(
    session: SessionDep, clock: MachineClock, person: PersonDep, session_id: Id
) -> Response:
    ended = sessions.revoke(session, clock, person, only=session_id)
    if ended:
        _note_ended(session, clock, person, {"session": session_id})
    return _done("That session has ended." if ended else "That session had ended already.")


@router.post("/sessions/end-all")
def end_all_sessions(session: SessionDep, clock: MachineClock, person: PersonDep) -> Response:
    """This one, too: nobody is signed in as this person any more."""
    _note_ended(session, clock, person, {"ended": sessions.revoke(session, clock, person)})
    return RedirectResponse("/sign-in", 303)


@router.post("/keys")
def create_key(
    request: Request,
    session: SessionDep,
    clock: MachineClock,
    person: PersonDep,
    name: Text = "",
    scopes: Annotated[list[str], Form()] = [],  # noqa: B006  (FastAPI copies it)
    days: Text = "",
) -> Response:
    """Answered with the key itself, without a redirect: it must not be kept anywhere for later."""
    entered = {"name": name, "scopes": scopes, "days": days}
    try:
        key = _new_key(session, clock, person, name, scopes, days)
    except AppError as error:
        return _page(request, session, clock, person, entered=entered, error=error)
    return _page(request, session, clock, person, new_key=key, new_name=name)


@router.post("/keys/{key_id}/revoke")
def revoke_key(session: SessionDep, clock: MachineClock, person: PersonDep, key_id: Id) -> Response:
    row = keys.revoke(session, clock, key_id, author=person.actor)
    return _done(f"The key “{row.name}” opens nothing any more.")


def _new_key(
    session: Session, clock: Clock, person: Person, name: str, scopes: list[str], days: str
) -> str:
    if days not in LIFETIMES:
        raise InvalidInput("Choose how long the key is good for.", field="days")
    return keys.create(
        session,
        clock,
        name=name.strip(),
        scopes=scopes,
        author=person.actor,
        expires_at=clock.now() + timedelta(days=int(days)) if days else None,
    )


def _check_passwords(
    request: Request, person: Person, present: str, password: str, repeated: str
) -> None:
    if password != repeated:
        raise InvalidInput("The two are not the same. Type the new one again.", field="repeated")
    if person.password_hash is None:
        return
    rate_limits.count_sign_in(request.client.host if request.client else "", person.name)
    if not people.has_password(person, present):
        raise InvalidInput(
            "This is not your present password. If you forgot it, set another in the terminal:"
            f" ./glassbox password {person.name}",
            field="present",
        )


def _note_ended(session: Session, clock: Clock, person: Person, after: dict[str, Any]) -> None:
    audit.record(
        session,
        clock,
        actor=person.actor,
        action="person.sessions_ended",
        subject=person.subject,
        after=after,
    )


def _done(text: str) -> Response:
    response = RedirectResponse("/account", 303)
    flash(response, text)
    return response


def _page(
    request: Request,
    session: Session,
    clock: Clock,
    person: Person,
    *,
    error: AppError | None = None,
    entered: Mapping[str, Any] | None = None,
    new_key: str = "",
    new_name: str = "",
) -> Response:
    context = {
        "me": session.get_one(Person, person.id),
        "sessions": sessions.alive(session, clock, person),
        "this_session": request.state.browser_session.id,
        "keys": keys.list_all(session),
        "now": clock.now(),
        "scopes": SCOPES,
        "lifetimes": list(LIFETIMES.items()),
        "entered": entered or {"name": "", "scopes": [Scope.READ], "days": ""},
        "errors": {} if error is None else {error.field or "name": error.message},
        "new_key": new_key,
        "new_name": new_name,
    }
    status = 200 if error is None else error.status_code
    return templates.TemplateResponse(request, "account/page.html", context, status_code=status)
