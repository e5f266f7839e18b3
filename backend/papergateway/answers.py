"""The gateway's zoo of answers: there is no single envelope, and clients rely on that."""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from backend.papergateway.world import World

JSON = "application/json; charset=utf-8"


def world_of(request: Request) -> World:
    world: World = request.app.state.world
    return world


def ok(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type=JSON)


def error(status: int, text: str) -> Response:
    """The short form: history, unsubscribe, pacing, unknown ids; with status 200 a refusal."""
    return Response(orjson.dumps({"error": text}), status, media_type=JSON)


def failed(status: int, text: str) -> Response:
    """The long form: validation, no bridge, unavailable."""
    body = {"error": text, "statusCode": status}
    return Response(orjson.dumps(body), status, media_type=JSON)


def bad_request(text: str) -> Response:
    return failed(400, f"Bad Request: {text}")


def no_bridge() -> Response:
    return bad_request("no bridge")


def empty(status: int) -> Response:
    """No body at all: no login, or an account that this login does not hold."""
    return Response(b"", status)


def html(status: int, title: str) -> Response:
    """What a web server upstream says when no application is behind the path."""
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Response(page, status, media_type="text/html; charset=utf-8")


def text(status: int, words: str) -> Response:
    return Response(words, status, media_type="text/plain; charset=utf-8")


def is_true(value: str | None) -> bool:
    """Query booleans come in any case: Python clients send `True`."""
    return (value or "").strip().lower() == "true"


async def json_body(request: Request) -> dict[str, Any]:
    """The body as an object; an empty one where there is none or where it is no object."""
    try:
        body = orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        return {}
    return body if isinstance(body, dict) else {}
