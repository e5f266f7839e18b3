"""Executions at the moment that a test is about: leased, lost, or with a step that misbehaves."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import text

from backend.core.database import transaction
from backend.executions.executor import StrategyExecutor
from backend.workflow.plan import Plan, live_plan
from backend.workflow.steps import Step, Tools
from backend.workflow.steps.base import StepData
from tests.support.live_engine import Engine


class WorkerKilled(BaseException):
    """Unwinds a worker as a signal does: nothing catches it, nothing is recorded."""


@dataclass
class Watched:
    """The live plan, whose steps count how often they ran and can be made to misbehave."""

    ran: list[str] = field(default_factory=list)
    before: dict[str, Callable[[], None]] = field(default_factory=dict)
    """Step name -> what happens when that step begins."""

    def executor(self, engine: Engine) -> StrategyExecutor:
        steps = tuple(self._watched(step) for step in live_plan().steps)
        return StrategyExecutor(engine.tools, Plan(names=live_plan().names, steps=steps))

    def _watched(self, step: Step) -> Step:
        def run(asked: Any, tools: Tools) -> StepData:
            self.before.get(step.name, lambda: None)()
            self.ran.append(step.name)
            return step.run(asked, tools)

        return replace(step, run=run)


@pytest.fixture
def watched() -> Watched:
    return Watched()


def kill() -> None:
    raise WorkerKilled


def let_lease_run_out(execution_id: int) -> None:
    with transaction() as session:
        session.execute(
            text("UPDATE executions SET lease_until = now() - interval '1 s' WHERE id = :id"),
            {"id": execution_id},
        )
