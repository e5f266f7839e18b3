"""
Small commands to Redis from a thread beside the work: never waited for, never an error.

What it carries may be lost: wake-ups and log lines, never the record. When Redis is away, or does
not keep up, commands are dropped.
"""

import atexit
import queue
import threading
import time

import structlog
from redis.exceptions import RedisError

from backend.core import redis
from backend.core.errors import AppError

logger = structlog.get_logger(__name__)

MOST_WAITING = 10_000
MOST_AT_ONCE = 500
SECONDS_BETWEEN_WARNINGS = 60.0

Command = tuple[str | int, ...]


class Outbox:
    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[Command | threading.Event] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._warned_at = -SECONDS_BETWEEN_WARNINGS

    def send(self, *commands: Command) -> None:
        """Each a Redis command with its arguments; sent in order, soon."""
        if self._waiting.qsize() < MOST_WAITING:
            for command in commands:
                self._waiting.put(command)
            self._have_thread()

    def flush(self, seconds: float) -> bool:
        """Wait until what was sent so far has gone out or was dropped; False when time ran out."""
        if self._thread is None or not self._thread.is_alive():
            return self._waiting.empty()
        reached = threading.Event()
        self._waiting.put(reached)
        return reached.wait(seconds)

    def _have_thread(self) -> None:
        # A forked process has the queue but not the thread, which is then no longer alive.
        if self._thread is None or not self._thread.is_alive():
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(
                        target=self._carry_for_good, name="outbox", daemon=True
                    )
                    self._thread.start()

    def _carry_for_good(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < MOST_AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get())
            commands = [each for each in batch if not isinstance(each, threading.Event)]
            if commands:
                self._carry(commands)
            for each in batch:
                if isinstance(each, threading.Event):
                    each.set()

    def _carry(self, commands: list[Command]) -> None:
        try:
            with redis.client().pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)  # type: ignore[no-untyped-call]
                pipeline.execute()
        except (RedisError, OSError, AppError) as error:
            self._warn(len(commands), str(error))

    def _warn(self, count: int, why: str) -> None:
        """Now and then: with Redis away there would be a line per step."""
        if time.monotonic() - self._warned_at >= SECONDS_BETWEEN_WARNINGS:
            self._warned_at = time.monotonic()
            logger.warning("messages_dropped", count=count, why=why)


outbox = Outbox()
"""The one of this process."""

atexit.register(outbox.flush, 1.0)
