"""
The engine with a model as its analyst, asked through the real client over loopback HTTP.

Loaded as a pytest plugin by `tests/conftest.py`.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr

from backend.analysis.openai import OpenAIAnalyst
from backend.core.settings import settings
from backend.executions.answers import DatabaseAnswers
from tests.support import openai_server
from tests.support.live_engine import Engine
from tests.support.openai_server import OpenAIServer, opinion, says


@pytest.fixture(scope="session")
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
            "openai_timeout_seconds": 2.0,
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
    content = body["messages"][1]["content"]
    # With pictures it is a list, whose first part is the text.
    prompt: str = content if isinstance(content, str) else content[0]["text"]
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
