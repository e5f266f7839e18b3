"""
The worker as it is, until each of its executions has come to where the test wants it to die.

CHAOS_DEATHS is JSON: execution id -> [step, point]. The points are `begun` (the engine entered
the step), `returned` (its work is done, nothing is kept yet) and `kept` (its result is committed).
A thread that arrives waits there; when the last one has arrived the process kills itself, so one
death serves many executions.
"""

import json
import os
import signal
import threading
from dataclasses import replace
from typing import Any

from backend.executions import executor, leases
from backend.executions.lineage import Chain, Entry, Progress
from backend.worker import app
from backend.workflow.steps import Step, Tools, steps

__all__ = ["app"]

_deaths = {int(key): tuple(place) for key, place in json.loads(os.environ["CHAOS_DEATHS"]).items()}
_here = threading.local()
_arrived: set[int] = set()
_counting = threading.Lock()


def _die_at(step: str, point: str) -> None:
    if _deaths.get(_here.execution_id) != (step, point):
        return
    with _counting:
        _arrived.add(_here.execution_id)
        if _arrived == set(_deaths):
            os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()


def _watched(step: Step) -> Step:
    def run(given: Any, tools: Tools) -> Any:
        _die_at(step.name, "begun")
        return step.run(given, tools)

    return replace(step, run=run)


_take, _keep = leases.take, executor._keep


def _take_and_remember(execution_id: int, **rest: Any) -> leases.Lease | None:
    _here.execution_id = execution_id
    return _take(execution_id, **rest)


def _keep_or_die(chain: Chain, entries: list[Entry], progress: Progress) -> Chain:
    _die_at(entries[0].step, "returned")
    longer = _keep(chain, entries, progress)
    _die_at(entries[0].step, "kept")
    return longer


for _name in steps:
    steps._items[_name] = _watched(steps.get(_name))
leases.take = _take_and_remember
executor._keep = _keep_or_die
