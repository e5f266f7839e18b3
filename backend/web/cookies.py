"""The session's cookie: signed, for this Glassbox alone, out of the reach of scripts."""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from backend.web import signing

_PURPOSE = "session"


def name(request: Request) -> str:
    # Browsers take a __Host- cookie only over HTTPS and from this very host.
    prefix = "__Host-" if request.url.scheme == "https" else ""
    return f"{prefix}glassbox_{signing.instance()}"


def token(request: Request) -> str | None:
    """The session's token, if the browser sent one that we signed."""
    signed = request.cookies.get(name(request))
    return signing.unsign(_PURPOSE, signed) if signed else None


def put(response: Response, request: Request, token: str, *, lifetime: timedelta) -> None:
    response.set_cookie(
        name(request),
        signing.sign(_PURPOSE, token),
        max_age=int(lifetime.total_seconds()),
        path="/",
        httponly=True,
        secure=request.url.scheme == "https",
        # Not "strict": a link in a terminal, a chat or a mail to one of our pages would then
        # arrive without it and end at the sign-in. What writes is guarded by its own token.
        samesite="lax",
    )


def header(request: Request, token: str, lifetime: timedelta) -> str:
    """As `put`, for an answer that somebody else has made."""
    carrier = Response()
    put(carrier, request, token, lifetime=lifetime)
    return carrier.headers["set-cookie"]


def drop(response: Response, request: Request) -> None:
    is_secure = request.url.scheme == "https"
    response.delete_cookie(name(request), path="/", httponly=True, secure=is_secure, samesite="lax")
