"""The worker as it is, with a plan of two steps that do nothing but say that they ran."""

import os
from functools import cache
from pathlib import Path

from backend.executions import tasks
from backend.executions.executor import StrategyExecutor
from backend.executions.tools import live_tools
from backend.worker import app
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.plan import Plan
from backend.workflow.steps import Step, Tools
from backend.workflow.steps.base import StepData, Touches

__all__ = ["app"]


class Given(StepData):
    execution_id: int


class Found(StepData):
    pass


def _write(given: Given, _tools: Tools) -> Found:
    # One write of few bytes in append mode: lines of many processes do not mix.
    with Path(os.environ["CHAOS_LEDGER"]).open("a") as ledger:
        ledger.write(f"{given.execution_id}\n")
    return Found()


def _end(_given: Given, _tools: Tools) -> Found:
    raise Ends(Outcome.HELD, "nothing_to_do", "This plan only counts.")


@cache
def _executor() -> StrategyExecutor:
    plan = (
        Step(name="write", input=Given, output=Found, touches=Touches.NOTHING, run=_write),
        Step(name="end", input=Given, output=Found, touches=Touches.NOTHING, run=_end),
    )
    return StrategyExecutor(live_tools(), Plan(names=("write", "end"), steps=plan))


tasks._executor = _executor
