"""A message from one page to the next: what a form has done, shown once after the redirect."""

import base64
from dataclasses import asdict, dataclass
from typing import Literal

import orjson
from starlette.requests import Request
from starlette.responses import Response

COOKIE = "glassbox_flash"
LONGEST = 1_000
Kind = Literal["good", "info", "warn", "bad"]


@dataclass(frozen=True)
class Flash:
    kind: Kind
    text: str


def flash(response: Response, text: str, kind: Kind = "good") -> None:
    """Show `text` on the next page; the middleware takes it away with the page that showed it."""
    message = orjson.dumps(asdict(Flash(kind, text[:LONGEST])))
    response.set_cookie(
        COOKIE,
        base64.urlsafe_b64encode(message).decode(),
        max_age=60,
        httponly=True,
        samesite="lax",
    )


def flashed(request: Request) -> Flash | None:
    """What the page before wanted to say; a cookie that nobody of ours wrote says nothing."""
    try:
        message = orjson.loads(base64.urlsafe_b64decode(request.cookies.get(COOKIE, "")))
        kind, text = message["kind"], message["text"]
    except (ValueError, KeyError, TypeError):
        return None
    known = kind in ("good", "info", "warn", "bad") and isinstance(text, str)
    return Flash(kind, text[:LONGEST]) if known else None
