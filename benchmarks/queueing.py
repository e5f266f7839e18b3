"""A thousand strategies due on one minute: until the last has started, beside Celery's no-op."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Any

from sqlalchemy import text

from backend.core import queue, redis
from backend.core.clock import SystemClock
from backend.core.database import statements
from backend.embedded import child, health
from backend.executions import dispatch
from benchmarks import stack
from benchmarks.noop import DONE_KEY, NOTHING_TASK

DUE = 1_000
ROUNDS = 2
THREADS = 4
PATIENCE_SECONDS = 60.0


def run() -> list[dict[str, Any]]:
    """
    Seconds from the dispatcher's start until the last execution had started, in one worker of
    four threads as `glassbox up` starts it; each execution runs six recorded steps meanwhile.
    """
    with stack.quiet_logs(), stack.postgres(), stack.redis() as server, _worker(server.url):
        strategy = stack.save(SystemClock(), stack.example(), is_enabled=True)
        stack.copy(strategy, DUE - 1)
        started, finished, nothing = [], [], []
        for _ in range(ROUNDS):
            until_started, until_finished = _executions()
            started.append(until_started)
            finished.append(until_finished)
            nothing.append(_nothing())
    peer = {"beside": "Celery, as many tasks that do nothing", "peer_s": round(median(nothing), 2)}
    return [
        _row("the last has started", started, nothing) | peer | {"goal_s": 10},
        _row("the last has finished its six steps", finished, nothing) | peer,
    ]


def _executions() -> tuple[float, float]:
    clock = SystemClock()
    due_at = clock.now() - timedelta(seconds=1)
    with statements() as connection:
        connection.execute(text("UPDATE strategies SET next_due_at = :due"), {"due": due_at})
    begun = clock.now()
    made = dispatch.dispatch_due(clock)
    if made != DUE:
        raise RuntimeError(f"{made} executions were made instead of {DUE}.")
    _wait(lambda: _unfinished() == 0, "every execution has finished")
    with statements() as connection:
        started, finished = connection.execute(
            text("SELECT max(started_at), max(finished_at) FROM executions WHERE due_at >= :due"),
            {"due": due_at},
        ).one()
    return (started - begun).total_seconds(), (finished - begun).total_seconds()


def _nothing() -> float:
    begun = perf_counter()
    for _ in range(DUE):
        queue.send(NOTHING_TASK, DUE)
    _wait(lambda: redis.client().lpop(DONE_KEY), "every task has run")
    return perf_counter() - begun


def _unfinished() -> int:
    with statements() as connection:
        count = connection.scalar(
            text("SELECT count(*) FROM executions WHERE status <> 'finished'")
        )
        return int(count or 0)


@contextmanager
def _worker(redis_url: str) -> Iterator[None]:
    pool = ("--pool", "threads", "--concurrency", str(THREADS), "--loglevel", "WARNING")
    process = subprocess.Popen(
        child.command(
            [sys.executable, "-m", "celery", "-A", "benchmarks.noop_worker", "worker", *pool]
        ),
        cwd=stack.ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait(lambda: health.worker_listens(redis_url), "the worker listens")
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait(condition: Callable[[], object], what: str) -> None:
    deadline = monotonic() + PATIENCE_SECONDS
    while not condition():
        if monotonic() > deadline:
            raise TimeoutError(f"Within {PATIENCE_SECONDS:.0f} s it did not come that {what}.")
        sleep(0.01)


def _row(name: str, seconds: list[float], nothing: list[float]) -> dict[str, Any]:
    return {
        "benchmark": f"{DUE:,} due on one minute: {name}",
        "ours_s": round(median(seconds), 2),
        "ratio": round(median(seconds) / median(nothing), 2),
    }
