"""How an error is told: JSON to programs and scripts, to people a page that says what to do."""

from typing import Any

from fastapi import Request
from fastapi.responses import JSONResponse, Response
from structlog.contextvars import get_contextvars

from backend.core.clock import machine_clock
from backend.core.database import DatabaseAway
from backend.core.redaction import redact_text
from backend.web.rendering import templates
from backend.web.returning import local_path, sign_in_path
from backend.web.signed_in import visitor

# Status: what happened, and what to do about it besides what the error itself says.
_PAGES = {
    400: ("That could not be read", "Go back, load the page again and repeat what you did."),
    401: ("You are signed out", "Sign in, then repeat what you did: nothing was changed."),
    403: ("That is not allowed", "Nothing was changed."),
    404: ("Nothing is here", "Check the address, or begin at the overview."),
    405: ("That is not done here", "Begin at the overview."),
    409: ("Somebody was faster", "Go back, load the page again and look at what is there now."),
    413: ("That is too much at once", "Go back and send less."),
    422: ("Something in it is wrong", "Go back and correct it: nothing was changed."),
    429: ("Too many attempts", "Nothing is lost: wait, then try again."),
    502: ("A part said no", "See which part it was, and what it says."),
    503: ("A part is away", "Wait a moment and load the page again; or see which part it is."),
}
_BUG = (
    "Something broke",
    "Load the page again. If it stays, look into the log and report what it says.",
)
_PASSING = (429, 500, 502, 503)
"""What may be over by itself in a moment."""
_COMMANDS = {500: "./glassbox logs web", 502: "./glassbox doctor", 503: "./glassbox status"}


def answer(
    request: Request, status: int, code: str, message: str, field: str | None = None
) -> Response:
    problem = {"code": code, "message": redact_text(message), "field": field}
    if not wants_page(request):
        is_for_key = status == 401 and request.url.path.startswith("/api")
        headers = {"WWW-Authenticate": "Bearer"} if is_for_key else {}
        return JSONResponse({"error": problem}, status_code=status, headers=headers)
    if code != DatabaseAway.code:
        _recognise(request)
    page = {
        **problem,
        **_advice(status),
        "sign_in": _way_back(request) if status == 401 else "",
        "again": _same_page(request) if status in _PASSING else "",
    }
    return templates.TemplateResponse(request, "error.html", page, status_code=status)


def wants_page(request: Request) -> bool:
    """Whether a person will look at the answer, rather than a program or a page's script."""
    if request.url.path.startswith(("/api", "/health", "/metrics")):
        return False
    accepted = request.headers.get("accept", "")
    is_of_script = request.headers.get("sec-fetch-dest") == "empty"
    return "text/html" in accepted or ("*/*" in accepted and not is_of_script)


def reference() -> str:
    """The request's id, under which the log has all that belongs to it."""
    return str(get_contextvars().get("request", ""))


def _advice(status: int) -> dict[str, Any]:
    title, advice = _PAGES.get(status, _BUG)
    command = _COMMANDS.get(status if status in _PAGES else 500, "")
    return {
        "status": status,
        "title": title,
        "advice": advice,
        "command": command,
        "reference": reference(),
    }


def _recognise(request: Request) -> None:
    """An address that leads nowhere asked nobody; the page's links are for who is signed in."""
    if hasattr(request.state, "person"):
        return
    try:
        visitor(request, machine_clock(request.app.state.clock))
    except DatabaseAway:
        return


def _same_page(request: Request) -> str:
    """Nothing for a write, which must not be repeated by following a link."""
    if request.method != "GET":
        return ""
    return local_path(f"{request.url.path}?{request.url.query}".rstrip("?"))


def _way_back(request: Request) -> str:
    """The sign-in, and from there the page that the form was on."""
    referer = request.headers.get("referer", "")
    here = f"{request.url.scheme}://{request.url.netloc}/"
    return sign_in_path(referer[len(here) - 1 :] if referer.startswith(here) else "/")
