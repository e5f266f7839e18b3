"""Steps that do nothing: what remains is the engine itself, and what it records."""

from typing import Any

from backend.core.clock import SystemClock
from backend.executions.executor import StrategyExecutor
from backend.workflow.outcome import Ends, Outcome
from backend.workflow.plan import Plan
from backend.workflow.steps import Step, Tools
from backend.workflow.steps.base import StepData, Touches

NOTHING_TASK = "benchmark.nothing"
DONE_KEY = "benchmark:done"

# Some 150 bytes of JSON go into each step and come out of it.
_FILLER = "x" * 120


class Given(StepData):
    symbol: str
    filler: str = _FILLER


class Found(StepData):
    filler: str = _FILLER


def executor(steps: int) -> StrategyExecutor:
    """One whose executions are so many steps; the last one ends them."""
    nothing: Any = None
    tools = Tools(
        clock=SystemClock(),
        broker=nothing,
        market=nothing,
        storage=nothing,
        renderer=None,
        analyst=nothing,
        budget=nothing,
        journal=nothing,
        safeguards=nothing,
        approvals=nothing,
        desk=nothing,
    )
    return StrategyExecutor(tools, _plan(steps))


def _plan(count: int) -> Plan:
    names = tuple(f"step_{number}" for number in range(1, count + 1))
    steps = [
        Step(name=name, input=Given, output=Found, touches=Touches.NOTHING, run=_pass)
        for name in names[:-1]
    ]
    last = Step(name=names[-1], input=Given, output=Found, touches=Touches.NOTHING, run=_end)
    return Plan(names=names, steps=(*steps, last))


def _pass(_given: Given, _tools: Tools) -> Found:
    return Found()


def _end(_given: Given, _tools: Tools) -> Found:
    raise Ends(Outcome.HELD, "measured", "The last step.", found=Found())
