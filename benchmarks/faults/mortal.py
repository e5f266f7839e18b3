"""
Workers and trackers as they are, until they come to where they are told to die.

Where is kept in Redis under the execution's number, or `tracker`, and taken out by whoever dies:
the next one goes on. They are forked off a process that has imported everything already.
"""

import ctypes
import importlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

import backend.tracker
import backend.worker
from backend.brokers.client_portal import ClientPortalBroker
from backend.core import redis
from backend.core.settings import settings
from backend.executions import leases
from backend.workflow.steps import Step, Tools, steps
from benchmarks.faults.mishaps import death_key

__all__ = ["be_a_tracker", "be_a_worker"]

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_STEPS = ("place_orders", "reconcile")
DURING_SECONDS = 0.3
"""How far a request has come when its worker dies."""
_CALLS = ("preview", "place", "reply", "modify", "cancel", "orders", "fills")


def be_a_worker(arguments: list[str], environment: dict[str, str], log: Path) -> None:
    """Until a signal ends it."""
    _settle_in(environment, log)
    _watch_steps()
    importlib.import_module("backend.worker")
    # It was imported in the first house, and a second one has another queue.
    backend.worker.app.conf.broker_url = environment["REDIS_URL"]
    backend.worker.app.worker_main(arguments)


def be_a_tracker(environment: dict[str, str], log: Path) -> None:
    _settle_in(environment, log)
    _names.everywhere = "tracker"
    backend.tracker.main()


def _settle_in(environment: dict[str, str], log: Path) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)
    settings.cache_clear()
    _watch_calls()
    event.listen(Session, "before_commit", lambda _: _count_commit("before"))
    event.listen(Session, "after_commit", lambda _: _come_to(f"after commit {_here.commits}"))


class _Names:
    """Whom this process, or this thread of it, dies for."""

    everywhere: str | None = None


class _Here(threading.local):
    execution: int | None = None
    is_watched: bool = False
    """Inside one of the steps that place orders; a tracker always is."""
    commits: int = 0
    replies: int = 0


_names, _here = _Names(), _Here()


def _come_to(point: str, *, after: float = 0.0) -> None:
    name = _names.everywhere or (_here.execution if _here.is_watched else None)
    if name is None:
        return
    where = redis.client().get(death_key(name))
    if where == point and redis.client().delete(death_key(name)):
        death = threading.Timer(after, os.kill, (os.getpid(), signal.SIGKILL))
        death.start()
        if not after:
            death.join()


def _count_commit(when: str) -> None:
    _here.commits += 1
    _come_to(f"{when} commit {_here.commits}")


def _watch_calls() -> None:
    for name in _CALLS:
        setattr(ClientPortalBroker, name, _watched_call(name, getattr(ClientPortalBroker, name)))


def _watched_call(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*arguments: Any, **named: Any) -> Any:
        _here.replies += name == "reply"
        told = (name, f"{name} {_here.replies}") if name == "reply" else (name,)
        for each in told:
            _come_to(f"before {each}")
            _come_to(f"during {each}", after=DURING_SECONDS)
        try:
            return call(*arguments, **named)
        finally:
            for each in told:
                _come_to(f"after {each}")

    return watched


def _watch_steps() -> None:
    take = leases.take

    def take_and_remember(execution_id: int, **rest: Any) -> leases.Lease | None:
        _here.execution = execution_id
        return take(execution_id, **rest)

    leases.take = take_and_remember
    for name in _STEPS:
        steps._items[name] = _watched_step(steps.get(name))


def _watched_step(step: Step) -> Step:
    def run(given: Any, tools: Tools) -> Any:
        _here.is_watched, _here.commits, _here.replies = True, 0, 0
        try:
            return step.run(given, tools)
        finally:
            _here.is_watched = False

    return replace(step, run=run)
