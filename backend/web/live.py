"""
Live pages: one subscription to Redis per web process wakes every page that is open.

A wake-up says which subject changed, not what: each stream reads the database for itself. So a
lost wake-up, or a Redis that is away, delays a page by `POLL_SECONDS` and hides nothing.
"""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any, TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import Depends, Header, Request
from fastapi.sse import EventSourceResponse, format_sse_event
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from backend.core.database import DatabaseAway, transaction
from backend.core.events import CHANNEL
from backend.core.logging import get_logger
from backend.core.settings import settings

logger = get_logger(__name__)

POLL_SECONDS = 5.0
RECONNECT_SECONDS = 2.0
SECONDS_BETWEEN_CHANGES = 1.0
"""A page is told that something has changed at most this often, however much does."""
MOST_READS_AT_ONCE = 6
"""Threads, and so database connections, that all open pages share; the rest is for requests."""

MOST_SHARED = 500
"""Events of a few kilobytes that are kept for whoever asks for the same next."""

RETRY = format_sse_event(retry=2_000)
KEEPALIVE = format_sse_event(comment="here")
SIGNED_OUT = format_sse_event(event="signed_out", data_str="{}")
"""The last event to a reader whose session or key is no longer good."""

EVENT_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}
}
"""For the OpenAPI of routes that answer with `stream`."""

T = TypeVar("T")


class Waker:
    """Rings when its subject has changed since it was last waited for."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        self._rung.set()

    async def wait(self, seconds: float) -> bool:
        """True when it rang, False when time ran out first."""
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return False
        self._rung.clear()
        return True


class Shared:
    """The newest events by what they tell: pages that wake at once share their making."""

    def __init__(self) -> None:
        self._kept: dict[tuple[Any, ...], Future[list[bytes]]] = {}
        self._changing = threading.Lock()

    def get(self, key: tuple[Any, ...], make: Callable[[], list[bytes]]) -> list[bytes]:
        """What was made for this key, by whoever asked first; others wait for it."""
        with self._changing:
            is_first = key not in self._kept
            if is_first:
                self._kept[key] = Future()
                if len(self._kept) > MOST_SHARED:
                    del self._kept[next(iter(self._kept))]
            made = self._kept[key]
        if is_first:
            try:
                made.set_result(make())
            except BaseException as error:
                made.set_exception(error)
                with self._changing:
                    self._kept.pop(key, None)
        return made.result()


class Hub:
    """Belongs to one event loop. Starts to listen with the first page that watches."""

    def __init__(self) -> None:
        self._wakers: dict[str, set[Waker]] = defaultdict(set)
        self._listening: asyncio.Task[None] | None = None
        self._reads = CapacityLimiter(MOST_READS_AT_ONCE)
        self.shared = Shared()

    @contextmanager
    def watching(self, subject: str) -> Iterator[Waker]:
        """Wake-ups for this subject, such as `executions/12`, and for all below it."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen_for_good())
        waker = Waker()
        self._wakers[subject].add(waker)
        try:
            yield waker
        finally:
            self._wakers[subject].discard(waker)
            if not self._wakers[subject]:
                del self._wakers[subject]

    async def read(self, call: Callable[[], T]) -> T:
        """Run a read of the database in one of the few threads that live pages may use."""
        return await to_thread.run_sync(call, limiter=self._reads)

    async def close(self) -> None:
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)

    def wake(self, subject: str) -> None:
        """Ring for a subject and for the ones above it."""
        parts = subject.split("/")
        for length in range(1, len(parts) + 1):
            for waker in self._wakers.get("/".join(parts[:length]), ()):
                waker.ring()

    def _wake_all(self) -> None:
        for wakers in self._wakers.values():
            for waker in wakers:
                waker.ring()

    async def _listen_for_good(self) -> None:
        is_away = False
        while True:
            try:
                async with _client() as client, client.pubsub() as subscription:
                    await subscription.subscribe(CHANNEL)
                    is_away = False
                    # What was said while nobody listened is lost: everybody looks.
                    self._wake_all()
                    while True:
                        message = await subscription.get_message(timeout=POLL_SECONDS)
                        if message is not None and message["type"] == "message":
                            self.wake(message["data"])
            except (RedisError, OSError) as error:
                if not is_away:
                    logger.warning("live_pages_poll", why=str(error))
                is_away = True
            await asyncio.sleep(RECONNECT_SECONDS)


def _client() -> Redis:
    return Redis.from_url(
        settings().redis_url,
        decode_responses=True,
        socket_connect_timeout=2,
        health_check_interval=30,
    )


async def follow_changes(
    hub: Hub,
    subject: str,
    known: str,
    mark: Callable[[Session], str],
    may_read: Callable[[Session], bool],
) -> AsyncIterator[bytes]:
    """
    A note each time that the state behind `subject` is another one, at most one a second.

    `mark` is a short text that differs as soon as that state does, `known` the one that the page
    was made from; empty for the present one. Ends when `may_read` says no.
    """
    yield RETRY
    with hub.watching(subject) as waker:
        while True:
            try:
                now = await hub.read(partial(_read_mark, mark, may_read))
            except DatabaseAway:
                now = known
            if now is None:
                yield SIGNED_OUT
                return
            is_new = bool(known) and now != known
            yield format_sse_event(event="changed", id=now, data_str="{}") if is_new else KEEPALIVE
            known = now
            await asyncio.sleep(SECONDS_BETWEEN_CHANGES)
            await waker.wait(POLL_SECONDS)


def _read_mark(mark: Callable[[Session], str], may_read: Callable[[Session], bool]) -> str | None:
    with transaction() as session:
        return mark(session) if may_read(session) else None


def stream(events: AsyncIterator[bytes]) -> EventSourceResponse:
    """Answer with these events; no proxy may hold them back."""
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return EventSourceResponse(events, headers=headers)


def _hub(request: Request) -> Hub:
    hub: Hub = request.app.state.live
    return hub


HubDep = Annotated[Hub, Depends(_hub)]
LastSeen = Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**31 - 1)]
