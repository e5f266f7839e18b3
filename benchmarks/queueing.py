"""A thousand strategies due on one minute: until the last has started, beside Celery's no-op."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
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
THREADS = 4
PATIENCE_SECONDS = 60.0


def run() -> list[dict[str, Any]]:
    """
    Seconds from the dispatcher's start until the last execution had started, in one worker of
    four threads as `glassbox up` starts it; each records one step, which does nothing.
    """
    with stack.quiet_logs(), stack.postgres(), stack.redis() as server, _worker(server.url):
        strategy = stack.save(SystemClock(), stack.example(), is_enabled=True)
        stack.copy(strategy, DUE - 1)
        _nothing()
        return [
            _row("new to the worker", _executions(), _nothing()),
            _row("known to it", _executions(), _nothing()),
        ]


def _executions() -> float:
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
        last: datetime = connection.execute(
            text("SELECT max(started_at) FROM executions WHERE due_at >= :due"), {"due": due_at}
        ).scalar_one()
    return (last - begun).total_seconds()


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
            [
                sys.executable,
                "-W",
                "ignore",
                "-m",
                "celery",
                "-A",
                "benchmarks.noop_worker",
                "worker",
                *pool,
            ]
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


def _row(name: str, ours: float, nothing: float) -> dict[str, Any]:
    return {
        "benchmark": f"last of {DUE:,} started, {name}",
        "ours_s": round(ours, 2),
        "beside": "Celery, as many tasks that do nothing",
        "peer_s": round(nothing, 2),
        "ratio": round(ours / nothing, 2),
        "goal_s": 10,
    }
