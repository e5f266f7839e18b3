"""The WebSocket: handshake, heartbeat, and one pump that keeps every subscription fed."""

import asyncio
from contextlib import suppress
from typing import Any

import orjson
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from backend.core.clock import to_ms
from backend.papergateway import order_topics, topics
from backend.papergateway.accounts import accounts_document
from backend.papergateway.faults import FRAME_FAULTS, FaultKind
from backend.papergateway.login import SERVER_INFO, LoginState
from backend.papergateway.subscriptions import Subscriptions, parse
from backend.papergateway.world import USER, World

HEARTBEAT_MS = 10_000
BEAT_SECONDS = 0.5
SHORTEST_BEAT_SECONDS = 0.05
"""On the wall: however fast the clock runs, clients get at most 20 rounds a second."""
NOT_UTF8 = b'{"topic":"ntf","args":[{"id":"1","text":"caf\xe9","title":"","url":""}]}'

_DISTURBING = FRAME_FAULTS - {FaultKind.NO_HEARTBEAT}
_SILENCING = frozenset({FaultKind.NO_HEARTBEAT})


class Connection:
    """
    One client's socket.

    As with the real gateway the session belongs to the gateway, so that a cookie of any dialect,
    a `{"session": ...}` frame or nothing at all bind it alike.
    """

    def __init__(self, world: World, socket: WebSocket) -> None:
        self.world = world
        self.subscriptions = Subscriptions()
        self._socket = socket
        self._is_bound = False
        self._changes_told = world.session.changes
        self._beaten_at = (0, 0)
        self._held_back: dict[str, Any] | None = None
        self._news = asyncio.Event()

    async def serve(self) -> None:
        await self._socket.accept(headers=[(b"x-glassbox-simulated", b"true")])
        self.world.connections.add(self)
        pump = asyncio.create_task(self._pump())
        try:
            while True:
                await self._obey(await self._receive())
        except WebSocketDisconnect:
            return
        finally:
            self.world.connections.discard(self)
            pump.cancel()
            with suppress(asyncio.CancelledError, WebSocketDisconnect):
                await pump

    def forget_subscriptions(self) -> None:
        """They end with the session."""
        self.subscriptions = Subscriptions()

    def wake(self) -> None:
        """Something has happened to the account: do not wait for the next beat."""
        self._news.set()

    def hang_up(self) -> None:
        """The gateway's process is gone; only a real server has a connection to cut."""
        drop = self._socket.scope.get("state", {}).get("drop_connection")
        if drop is not None:
            drop()

    async def send(self, frame: dict[str, Any]) -> None:
        """One frame, or what a fault makes of it."""
        fault = self.world.faults.strike(_DISTURBING, "WS", str(frame.get("topic", "")))
        if fault and fault.kind in (FaultKind.FRAME_LOST, FaultKind.FRAME_CUT):
            if fault.kind is FaultKind.FRAME_CUT:
                self.hang_up()
            return
        if fault and fault.kind is FaultKind.FRAME_LATE and self._held_back is None:
            self._held_back = frame
            return
        await self._send_text(frame)
        if fault and fault.kind is FaultKind.FRAME_TWICE:
            await self._send_text(frame)
        if fault and fault.kind is FaultKind.FRAME_BYTES:
            self._send_garbage()
        if self._held_back is not None:
            late, self._held_back = self._held_back, None
            await self._send_text(late)

    async def _send_text(self, frame: dict[str, Any]) -> None:
        await self._socket.send_text(orjson.dumps(frame).decode())

    def _send_garbage(self) -> None:
        send = self._socket.scope.get("state", {}).get("send_text_bytes")
        if send is not None:
            send(NOT_UTF8)

    async def _receive(self) -> str:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        return message.get("text") or (message.get("bytes") or b"").decode(errors="replace")

    async def _obey(self, text: str) -> None:
        if text.strip() == "ech+hb":
            await self._socket.send_text("ech+hb")
            return
        command = parse(text)
        if command is not None:
            await topics.obey(self, command)

    async def _pump(self) -> None:
        await self.send({"message": "waiting for session"})
        while True:
            await self._beat()
            real = self.world.clock.real_seconds(BEAT_SECONDS)
            await self._listen(max(SHORTEST_BEAT_SECONDS, min(real, BEAT_SECONDS)))

    async def _listen(self, seconds: float) -> None:
        """Until the next beat only news of the account is told: quotes have a pace of their own."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while (left := end - loop.time()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
                self._news.clear()
                if self._is_bound and self.world.session.is_established:
                    await order_topics.feed(self)

    async def _beat(self) -> None:
        session = self.world.session
        self.world.move_on()
        if not self._is_bound:
            if session.is_established or session.state is LoginState.COMPETING:
                await self._greet()
            return
        if session.changes != self._changes_told:
            await self._tell_status()
        await self._beat_heart()
        if session.is_established:
            await topics.feed(self)

    async def _greet(self) -> None:
        """The order matters: ibind takes `waiting for session` after `sts` for a step back."""
        self._is_bound = True
        greeting = {"topic": "system", "success": USER, "isFT": False, "isPaper": True}
        await self.send({**greeting, "simulated": True})
        await self._tell_status()
        await self.send({"topic": "act", "args": accounts_document(self.world)})

    async def _tell_status(self) -> None:
        self._changes_told = self.world.session.changes
        status = self.world.session.auth_status()
        await self.send(
            {
                "topic": "sts",
                "args": {
                    "authenticated": status["authenticated"],
                    "competing": status["competing"],
                    "message": "",
                    "fail": "",
                    **SERVER_INFO,
                    "username": USER,
                },
            }
        )

    async def _beat_heart(self) -> None:
        """
        Every ten seconds of the gateway's clock or of the machine's, whichever come first.

        Stamped with the machine's time: clients hold it against theirs to see whether the
        connection lives, and give up one whose stamp is twenty seconds off.
        """
        now_ms, machine_ms = self.world.now_ms(), to_ms(self.world.clock.machine_now())
        at_ms, at_machine_ms = self._beaten_at
        if now_ms - at_ms < HEARTBEAT_MS and machine_ms - at_machine_ms < HEARTBEAT_MS:
            return
        self._beaten_at = (now_ms, machine_ms)
        if not self.world.faults.strike(_SILENCING, "WS", "system"):
            await self.send({"topic": "system", "hb": machine_ms})


async def connect(socket: WebSocket) -> None:
    world: World = socket.app.state.world
    await Connection(world, socket).serve()


routes = [WebSocketRoute("/ws", connect)]
