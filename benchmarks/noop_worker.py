"""A Celery worker as `backend.worker`, whose executions are one step that does nothing."""

import itertools
from functools import cache

from celery.signals import setup_logging

from backend.core import logging, redis
from backend.core.queue import queue
from backend.executions import dispatch
from backend.executions.executor import StrategyExecutor
from benchmarks import noop

app = queue()
_ran = itertools.count(1)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _configure_logging(**_: object) -> None:
    logging.configure("worker")


@cache
def _executor() -> StrategyExecutor:
    return noop.executor(steps=1)


@app.task(name=dispatch.RUN_TASK)  # type: ignore[untyped-decorator]
def run(execution_id: int) -> None:
    _executor().run(execution_id)


@app.task(name=noop.NOTHING_TASK)  # type: ignore[untyped-decorator]
def nothing(every: int) -> None:
    """Celery alone; every so many tasks it is noted that they ran."""
    if next(_ran) % every == 0:
        redis.client().rpush(noop.DONE_KEY, "done")
