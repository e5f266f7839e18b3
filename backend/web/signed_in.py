"""What every page asks first: who is there, and did this write come from our own page?"""

from typing import Annotated

from fastapi import Depends, Request

from backend.core.database import transaction
from backend.core.errors import AppError, NotAllowed
from backend.web import cookies, csrf, sessions
from backend.web.people import Person
from backend.web.sessions import BrowserSession
from backend.web.state import MachineClock

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
FORM_FIELD = "csrf_token"
HEADER = "X-CSRF-Token"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


class SignInNeeded(AppError):
    """A page's reader is led to the sign-in; scripts are told."""

    status_code = 401
    code = "sign_in_needed"


async def _sent_token(request: Request) -> str | None:
    if request.method in SAFE_METHODS:
        return None
    if sent := request.headers.get(HEADER):
        return sent
    if request.headers.get("content-type", "").startswith(_FORMS):
        field = (await request.form()).get(FORM_FIELD)
        return field if isinstance(field, str) else None
    return None


def visitor(request: Request, clock: MachineClock) -> Person | None:
    """Whoever is signed in, or None: for the few pages that are open to all."""
    token = cookies.token(request)
    if token is None:
        return None
    # A transaction of its own: the page's may be rolled back, a new token must stay.
    with transaction() as session:
        found = sessions.find(session, clock, token)
    if found is None:
        return None
    person = found.row.person
    request.state.browser_session, request.state.person = found.row, person
    request.state.actor, request.state.csrf_token = person.actor, csrf.token(found.row.id)
    if found.fresh_token is not None:
        request.state.fresh_token = (found.fresh_token, found.row.expires_at - clock.now())
    return person


def signed_in(
    request: Request,
    person: Annotated[Person | None, Depends(visitor)],
    sent: Annotated[str | None, Depends(_sent_token)],
) -> Person:
    """
    The person who asks. `backend/app.py` puts this before every page.

    Raises `SignInNeeded`, and `NotAllowed` for a write that may come from somewhere else.
    """
    if person is None:
        raise SignInNeeded("You are not signed in, or your session has ended. Sign in again.")
    if request.method not in SAFE_METHODS:
        row: BrowserSession = request.state.browser_session
        if not (csrf.comes_from_us(request) and csrf.is_token_of(row.id, sent)):
            raise NotAllowed(
                "This did not come from a page of your present session, so nothing was changed."
                " Go back, load the page again and repeat what you did.",
                code="forged",
            )
    return person


PersonDep = Annotated[Person, Depends(signed_in)]
VisitorDep = Annotated[Person | None, Depends(visitor)]
SIGNED_IN = [Depends(signed_in)]
