"""What every request passes: a size limit, a request id in the logs, security headers."""

import re
import secrets
import time

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.core.logging import get_logger
from backend.web import headers
from backend.web.error_page import answer

logger = get_logger(__name__)

MAX_BODY_BYTES = 1_000_000


class Guard:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        request_id = secrets.token_hex(6)
        address = (scope.get("client") or [None])[0]
        structlog.contextvars.bind_contextvars(request=request_id, address=address)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = MutableHeaders(scope=message)
                headers.add(scope, given, message["status"], request_id)
                _log(scope, message["status"], begun)
            await send(message)

        begun = time.perf_counter()
        try:
            body = await _whole_body(scope, receive)
            _refuse_nul(scope, body)
        except _Refused as refused:
            # On a thread: a page looks up who is signed in.
            refusal = await run_in_threadpool(
                answer, Request(scope), refused.status, refused.code, str(refused)
            )
            return await refusal(scope, receive, send_with_headers)

        async def replay() -> Message:
            if body:
                return body.pop()
            return await receive()

        await self.app(scope, replay, send_with_headers)


class _Refused(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


# In JSON it may stand as an escape, unless its backslash is itself escaped.
_NUL_IN_BODY = re.compile(rb"\0|(?<!\\)(?:\\\\)*\\u0000")


def _refuse_nul(scope: Scope, body: list[Message]) -> None:
    """No text of ours holds the character NUL, and PostgreSQL cannot store it."""
    data = body[0].get("body", b"") if body else b""
    if "\0" in scope["path"] or b"%00" in scope["query_string"] or _NUL_IN_BODY.search(data):
        raise _Refused(
            422, "invalid_input", "A text holds the character NUL, which cannot be stored."
        )


def _log(scope: Scope, status: int, begun: float) -> None:
    """One line per request; probes ask every few seconds and would drown the rest."""
    if not scope["path"].startswith(("/health", "/metrics", "/static")):
        milliseconds = round((time.perf_counter() - begun) * 1000, 1)
        method, path = scope["method"], scope["path"]
        logger.info("request", method=method, path=path, status=status, ms=milliseconds)


async def _whole_body(scope: Scope, receive: Receive) -> list[Message]:
    """Read the body before anybody parses it; raises past the limit."""
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return []
    chunks, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return [message]
        chunks.append(message.get("body", b""))
        size += len(chunks[-1])
        if size > MAX_BODY_BYTES:
            raise _Refused(
                413, "too_large", f"The body is larger than {MAX_BODY_BYTES:,} bytes. Send less."
            )
        more = message.get("more_body", False)
    return [{"type": "http.request", "body": b"".join(chunks), "more_body": False}]
