"""The gateway as an ASGI application and as a server."""

import asyncio
import socket
import warnings
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from ssl import SSLContext
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from backend.core.errors import AppError, Conflict
from backend.papergateway import (
    accounts,
    answers,
    blotter,
    certificates,
    contracts,
    control,
    history,
    marketdata,
    orders,
    portfolio,
    rules,
    schedule,
    session,
    websocket,
)
from backend.papergateway.clock import SettableClock
from backend.papergateway.gateway import FrontDoor, unrouted
from backend.papergateway.prices import Market
from backend.papergateway.trading.store import Store
from backend.papergateway.world import World

ACCOUNT_FILE, OWN_TIME_ACCOUNT_FILE = "account.sqlite", "account-own-time.sqlite"
API_ROUTES = [
    *session.routes,
    *accounts.routes,
    *contracts.routes,
    *rules.routes,
    *schedule.routes,
    *marketdata.routes,
    *history.routes,
    *portfolio.routes,
    *blotter.routes,
    *orders.routes,
    *websocket.routes,
]


def create_app(world: World) -> ASGIApp:
    """The gateway around `world`: REST and WebSocket under /v1, the control plane under /__sim."""
    app = Starlette(
        routes=[
            Route("/", _home),
            Route("/sso/Login", session.login_page, methods=["GET", "POST"]),
            Mount("/v1/api", routes=API_ROUTES),
            Mount("/__sim", routes=control.routes),
        ],
        exception_handlers={HTTPException: unrouted, AppError: _refused},
    )
    app.router.redirect_slashes = False
    app.state.world = world
    return FrontDoor(app, world)


async def _home(request: Request) -> Response:
    return RedirectResponse("/sso/Login?forwardTo=22&RL=1&ip2loc=US", 302)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, AppError)
    response = answers.ok({"error": error.message, "code": error.code, "field": error.field})
    response.status_code = error.status_code
    return response


def create_world(
    *,
    speed: float = 1.0,
    now: datetime | None = None,
    begun_at: datetime | None = None,
    files: Sequence[Path] = (),
    seed: int = 1,
    paced: bool = True,
    account: Path | None = None,
) -> World:
    """
    A world whose clock stood at `now` (aware; the present if None) when the machine's said
    `begun_at` (the present if None).

    The account goes on from the file `account`; without one it is new and kept in memory. Raises
    `InvalidInput` for a price file that cannot be read or that the account would need, and
    `Conflict` for an account in use.
    """
    clock = SettableClock(start=now, speed=speed, begun_at=begun_at)
    with warnings.catch_warnings():
        # exchange-calendars 4.13 uses what pandas 4 will drop.
        warnings.simplefilter("ignore", DeprecationWarning)
        market = Market(today=clock.now().date(), seed=seed, files=tuple(files))
    return World(market=market, clock=clock, seed=seed, paced=paced, store=Store(account))


def serve(
    *,
    host: str = "127.0.0.1",
    port: int,
    https: bool = True,
    speed: float = 1.0,
    now: datetime | None = None,
    begun_at: datetime | None = None,
    files: Sequence[Path] = (),
    seed: int = 1,
    state_dir: Path,
    new_account: bool = False,
) -> None:
    """
    Run until SIGTERM or SIGINT, then return; certificate, key and account live in `state_dir`.

    The real time has one account and a time of its own (`speed`, `now`) another, which goes on at
    the time it had come to; `new_account` forgets what was kept. Raises `Conflict` when the
    port is taken or another gateway keeps the account, and `InvalidInput` for a price file that
    is no good.
    """
    account = state_dir / (ACCOUNT_FILE if speed == 1 and now is None else OWN_TIME_ACCOUNT_FILE)
    with listen(host, port) as listener:
        if new_account:
            _forget(account)
        world = create_world(
            speed=speed, now=now, begun_at=begun_at, files=files, seed=seed, account=account
        )
        certificate = certificates.ensure(state_dir) if https else None
        settings = configuration(world, certificate=certificate)
        asyncio.run(Server(settings).serve(sockets=[listener]))
        world.store.close()


def _forget(account: Path) -> None:
    store = Store(account)
    store.clear()
    store.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `Conflict` when it cannot be had."""
    try:
        return _bound(host, port)
    except OSError as error:
        raise Conflict(
            f"The paper gateway cannot listen on {host}:{port}: {error.strerror}."
            " Choose another port with --port."
        ) from error


def _bound(host: str, port: int) -> socket.socket:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, address = found[0]
    # Not `socket.create_server`: it leaves the protocol unset, and asyncio then leaves Nagle's
    # algorithm on, which costs 40 ms per chunked answer.
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


class Server(uvicorn.Server):
    """Ends by returning: uvicorn's own would raise the signal again when it is done."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def configuration(world: World, *, certificate: tuple[Path, Path] | None) -> uvicorn.Config:
    """What uvicorn needs to behave like IBKR's gateway on the wire."""
    return uvicorn.Config(
        create_app(world),
        http=CuttableHttp,
        ws=RawWebSocket,
        # IBKR's gateway offers neither compression nor pings of its own.
        ws_per_message_deflate=False,
        ws_ping_interval=None,
        # The machine's date would contradict a simulated clock.
        date_header=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=2,
        ssl_certfile=certificate[0] if certificate else None,
        ssl_keyfile=certificate[1] if certificate else None,
        ssl_context_factory=_without_tickets if certificate else None,
    )


def _without_tickets(_config: uvicorn.Config, default: Callable[[], SSLContext]) -> SSLContext:
    """
    TLS 1.3 sends session tickets after the handshake.

    Before Python 3.13 a client that reads in one thread while it writes in another may lose its
    first write to them: one in some hundred WebSocket handshakes never arrived.
    """
    context = default()
    context.num_tickets = 0
    return context


class CuttableHttp(H11Protocol):
    """Lets the application cut its own TCP connection, for the fault that does so."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "drop_connection": transport.abort}

    def shutdown(self) -> None:
        super().shutdown()
        # TLS would wait for the farewell of a client that keeps an idle connection.
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


class RawWebSocket(WebSocketsSansIOProtocol):
    """Lets the application send text frames that are no text, for the fault that does so."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {
            **self.app_state,
            "send_text_bytes": self._send_text_bytes,
            "drop_connection": transport.abort,
        }

    def _send_text_bytes(self, data: bytes) -> None:
        self.conn.send_text(data)
        self.transport.write(b"".join(self.conn.data_to_send()))
