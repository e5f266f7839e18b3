"""Executions at the moment that a test is about: leased, lost, or with a step that misbehaves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from backend.analysis.openai import OpenAIAnalyst
from backend.core.database import transaction
from backend.core.settings import settings
from backend.executions.answers import DatabaseAnswers
from backend.executions.executor import StrategyExecutor
from backend.workflow.plan import Plan, live_plan
from backend.workflow.steps import Step, Tools
from backend.workflow.steps.base import StepData
from tests.support import openai_server
from tests.support.live_engine import Engine
from tests.support.openai_server import OpenAIServer, opinion, says


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


@pytest.fixture(scope="module")
def shared_server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def server(shared_server: OpenAIServer) -> OpenAIServer:
    shared_server.script.clear()
    shared_server.requests.clear()
    shared_server.default = says(openai_server.NEUTRAL)
    return shared_server


@pytest.fixture
def model_engine(engine: Engine, server: OpenAIServer) -> Engine:
    chosen = settings().model_copy(
        update={
            "openai_base_url": server.url,
            "openai_api_key": SecretStr(OpenAIServer.key),
            "openai_timeout_seconds": 0.3,
        }
    )
    analyst = OpenAIAnalyst(
        chosen,
        budget=engine.tools.budget,
        cache=DatabaseAnswers(engine.clock),
        sleep=lambda _: None,
    )
    return engine.with_tools(analyst=analyst)


def last_close(body: dict[str, Any]) -> float:
    """The close that the prompt quotes, so that an opinion can fit the chart."""
    prompt: str = body["messages"][1]["content"]
    return float(prompt.split("Last close: ")[1].split()[0].replace(",", ""))


def fitting_opinion(body: dict[str, Any]) -> openai_server.Answer:
    price = last_close(body)
    return says(
        opinion(
            entry=price,
            stop=round(price * 0.97, 2),
            targets=[round(price * 1.06, 2), round(price * 1.09, 2)],
            support=[round(price * 0.97, 2)],
            resistance=[round(price * 1.06, 2)],
        )
    )
