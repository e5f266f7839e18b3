"""
The WebSocket, kept open: orders and executions as they happen.

Source: Client Portal API field notes, "WebSocket". A heartbeat comes every ten seconds. When the
session changes, subscriptions are gone without a word, so that a new `sts` means a new connection.
"""

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from backend.brokers.base import SessionStatus
from backend.brokers.client_portal import listing
from backend.brokers.client_portal.order_feed import OrderFeed
from backend.brokers.client_portal.parsing import parse_json
from backend.brokers.client_portal.session import GatewaySession
from backend.brokers.client_portal.tls import verification
from backend.brokers.orders import OrderNews, StreamLost, StreamOpened
from backend.core.errors import AppError, SessionDown, TemporaryError
from backend.core.logging import get_logger

log = get_logger(__name__)

SILENT_SECONDS = 25.0
"""Two heartbeats and a half."""
LEAST_SILENT_SECONDS = 5.0
"""However fast the gateway's time runs: a busy machine is no broken connection."""
_OPEN_SECONDS = 10.0
_KEEPALIVE_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_MOST_PAUSE_SECONDS = 60.0
_LARGEST_FRAME = 16 * 2**20
"""A thousand orders come in one frame."""
_SUBSCRIPTIONS = ("sor+{}", 'str+{"realtimeUpdatesOnly":false,"days":1}')

Frame = dict[str, Any]


class OrderStream:
    def __init__(
        self,
        session: GatewaySession,
        base_url: str,
        *,
        certificate: Path | None,
        speed: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
        silent_seconds: float = SILENT_SECONDS,
    ) -> None:
        self._session = session
        self._address = f"ws{base_url.rstrip('/').removeprefix('http')}/v1/api/ws"
        self._tls = _tls(base_url, certificate)
        self._speed = speed
        self._sleep = sleep
        self._silent_seconds = max(
            silent_seconds / speed, min(LEAST_SILENT_SECONDS, silent_seconds)
        )
        self._is_closed = threading.Event()

    def follow(self, account: str) -> Iterator[OrderNews]:
        """As `Broker.follow_orders`, until `close`."""
        failures = 0
        while not self._is_closed.is_set():
            try:
                for news in self._listen(account):
                    failures = 0
                    yield news
                continue
            except (AppError, OSError, WebSocketException) as error:
                why = error.message if isinstance(error, AppError) else _why(error)
            except RuntimeError:
                # The connections were closed under a call that was just being made.
                if self._is_closed.is_set():
                    return
                raise
            if self._is_closed.is_set():
                return
            log.info("order_stream_lost", account=account, why=why)
            yield StreamLost(why=why)
            pause = min(2.0**failures, _MOST_PAUSE_SECONDS)
            failures += 1
            self._sleep(pause / self._speed)

    def close(self) -> None:
        """Whoever follows comes to the end within a second, or after the pause it is in."""
        self._is_closed.set()

    def _listen(self, account: str) -> Iterator[OrderNews]:
        """One connection's life. Raises when it is over, unless it was closed by us."""
        session = self._session.ensure()
        if session.status is not SessionStatus.READY:
            raise SessionDown(session.detail)
        listing.refresh(self._session, account)
        with self._connect() as socket:
            self._await_login(socket)
            for subscription in _SUBSCRIPTIONS:
                socket.send(subscription)
            log.info("order_stream_opened", account=account)
            yield StreamOpened()
            feed = OrderFeed(account)
            for frame in self._frames(socket):
                yield from _news(feed, frame)

    def _connect(self) -> Any:
        """The gateway binds the socket to its own session; others go by the cookie."""
        return connect(
            self._address,
            ssl=self._tls,
            additional_headers={"Cookie": f"api={json.dumps({'session': self._session.id})}"},
            compression=None,
            proxy=None,
            open_timeout=_OPEN_SECONDS,
            close_timeout=1.0,
            # The gateway's heartbeats are watched instead.
            ping_interval=None,
            max_size=_LARGEST_FRAME,
            legacy=False,
        )

    def _await_login(self, socket: ClientConnection) -> None:
        for frame in self._frames(socket):
            if frame.get("topic") == "sts":
                _check_login(frame)
                return

    def _frames(self, socket: ClientConnection) -> Iterator[Frame]:
        """Until we are closed. Raises `TemporaryError` when nothing comes for too long."""
        heard = kept_alive = time.monotonic()
        while not self._is_closed.is_set():
            if (frame := _receive(socket)) is not None:
                heard = time.monotonic()
                yield frame
            elif time.monotonic() - heard > self._silent_seconds:
                raise TemporaryError(
                    f"The gateway's stream has been silent for {self._silent_seconds:.0f} s,"
                    " without a heartbeat.",
                    code="stream_silent",
                )
            if time.monotonic() - kept_alive > _KEEPALIVE_SECONDS:
                kept_alive = time.monotonic()
                socket.send("tic")


def _receive(socket: ClientConnection) -> Frame | None:
    """None when nothing has come for a moment; frames that are no JSON objects are empty ones."""
    try:
        # As bytes: IBKR's texts are not always UTF-8, which would end the connection.
        received = socket.recv(timeout=_LOOK_SECONDS, decode=False)
    except TimeoutError:
        return None
    text = received if isinstance(received, str) else received.decode(errors="replace")
    try:
        frame = parse_json(text)
    except ValueError:
        return {}
    return frame if isinstance(frame, dict) else {}


def _news(feed: OrderFeed, frame: Frame) -> Iterator[OrderNews]:
    topic = frame.get("topic")
    if topic == "sor":
        yield from feed.orders(frame.get("args"))
    elif topic == "str":
        yield from feed.fills(frame.get("args"))
    elif topic == "sts":
        _check_login(frame)
        raise TemporaryError("The gateway's session has changed.", code="session_changed")
    elif "error" in frame:
        log.warning("order_stream_error", error=str(frame["error"])[:200])


def _check_login(frame: Frame) -> None:
    """Raises `SessionDown` when the session is gone, or somebody else's."""
    args = frame.get("args")
    state = args if isinstance(args, dict) else {}
    if state.get("competing"):
        raise SessionDown("The same user name has become active elsewhere.", code="competing")
    if not state.get("authenticated"):
        raise SessionDown("The gateway has lost its brokerage session.", code="no_bridge")


def _tls(base_url: str, certificate: Path | None) -> ssl.SSLContext | None:
    """As REST trusts the gateway; nothing is verified on this very machine."""
    if urlsplit(base_url).scheme == "http":
        return None
    chosen = verification(base_url, certificate)
    if isinstance(chosen, ssl.SSLContext):
        return chosen
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _why(error: Exception) -> str:
    return f"The gateway's stream broke: {str(error) or type(error).__name__}."
