"""The gateway's front door: addresses, pacing, faults and sessions before any answer is made."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.papergateway import answers, striking
from backend.papergateway.world import LoggedRequest, World

API, ALIAS, CONTROL = "/v1/api", "/v1/portal", "/__sim"
SIMULATED = (b"x-glassbox-simulated", b"true")
WITHOUT_LOGIN = frozenset({"iserver/reauthenticate"})
WITHOUT_BRIDGE = frozenset(
    {"iserver/auth/status", "iserver/auth/ssodh/init", "iserver/reauthenticate"}
)
NOT_A_SIGN_OF_LIFE = frozenset({"iserver/auth/status"})


class FrontDoor:
    """Marks every answer as simulated, sends it chunked, and lets in what may come in."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app = app
        self._world = world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        scope["path"] = scope["raw_path"] = _canonical(scope["path"])
        scope["raw_path"] = scope["path"].encode()
        if scope["type"] == "websocket":
            self._world.move_on()
            await self._app(scope, receive, send)
            return
        await self._serve(scope, receive, _marked(send))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if not path.startswith(f"{API}/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        await request.body()
        response = await self._answer(request, path.removeprefix(f"{API}/"))
        if response is not None:
            await response(scope, receive, send)

    async def _answer(self, request: Request, path: str) -> Response | None:
        """None when the connection was cut instead of answering."""
        world, method = self._world, request.method
        world.move_on()
        if path not in NOT_A_SIGN_OF_LIFE and world.session.has_sso:
            world.session.touch()
        fault, response = None, self._refusal(method, path)
        if response is None:
            with world.pacing.running(path):
                fault, response = await striking.strike(
                    world, request, path, lambda: self._route(request, path)
                )
        status = response.status_code if response is not None else 0
        query = request.url.query
        world.requests.add(
            LoggedRequest(
                at_ms=world.now_ms(),
                method=method,
                path=path,
                query=query,
                status=status,
                fault=fault,
            )
        )
        return response

    def _refusal(self, method: str, path: str) -> Response | None:
        why = self._world.pacing.refuse(method, path)
        return answers.error(429, why) if why else None

    async def _route(self, request: Request, path: str) -> Response:
        session = self._world.session
        if not session.has_sso and path not in WITHOUT_LOGIN:
            return answers.empty(401)
        needs_bridge = path.startswith(("iserver/", "md/")) and path not in WITHOUT_BRIDGE
        if needs_bridge and not session.is_established:
            return answers.no_bridge()
        response = await _collect(self._app, request)
        # Before anybody hears of it, also where the answer will get lost.
        self._world.keep()
        return response


async def _collect(app: ASGIApp, request: Request) -> Response:
    """What the router behind the door answers."""
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app(request.scope, _body_again(await request.body()), keep)
    body = b"".join(message.get("body", b"") for message in messages[1:])
    response = Response(body, messages[0]["status"])
    response.raw_headers = messages[0]["headers"]
    return response


def _body_again(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _canonical(path: str) -> str:
    """Trailing slashes are tolerated and the old name of the API is still good."""
    path = path.rstrip("/") or "/"
    if path == ALIAS or path.startswith(f"{ALIAS}/"):
        return API + path.removeprefix(ALIAS)
    return path


def _marked(send: Send) -> Send:
    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if pair[0].lower() != b"content-length"]
            message = {**message, "headers": [*kept, SIMULATED]}
        await send(message)

    return marked


async def unrouted(request: Request, _error: Exception) -> Response:
    """A path that no application upstream serves is answered by its web server, in HTML."""
    if request.url.path.startswith("/v1/"):
        return answers.html(404, "Not Found")
    return answers.text(404, f"Unknown path {request.url.path}")
