"""The API against its own description: any request gets a documented answer, never a crash."""

import json
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    response_schema_conformance,
    status_code_conformance,
)

from tests.support.live_engine import Engine, definition, example
from tests.support.web_client import new_key

CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
MODES = [(GenerationMode.POSITIVE, 8), (GenerationMode.NEGATIVE, 6)]


@pytest.fixture
def server(app: FastAPI, engine: Engine) -> Iterator[str]:
    """The app behind a real HTTP server, with something in each table."""
    engine.run(example())
    engine.start(engine.save(definition(symbols=["MSFT"])))
    config = uvicorn.Config(app, log_config=None, lifespan="on")
    running = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with httpx.Client(
            base_url=url, transport=httpx.HTTPTransport(retries=20), trust_env=False
        ) as client:
            assert client.get("/health/live").status_code == 200
        yield url
        running.should_exit = True
        thread.join()


@pytest.fixture
def schema(app: FastAPI, server: str) -> "schemathesis.schemas.BaseSchema":
    return schemathesis.openapi.from_dict(app.openapi())


@pytest.mark.timeout(400)
def test_no_request_that_the_description_can_think_of_crashes_the_server(
    schema: "schemathesis.schemas.BaseSchema", server: str
) -> None:
    headers = new_key("fuzzer", "read", "operate")
    answers: Counter[int] = Counter()
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if operation.path.endswith("/events"):
            # An answer without an end: tests/executions/test_live_events.py reads it.
            continue
        for mode, examples in MODES:

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: Any) -> None:
                response = case.call_and_validate(base_url=server, headers=headers, checks=CHECKS)
                answers[response.status_code] += 1

            ask()
    # It was no idle talk: requests came through, and others were refused for good reasons.
    assert {200, 404, 422} <= set(answers)
    assert answers.total() > 200


def test_every_route_says_what_it_does_and_which_errors_it_has(app: FastAPI) -> None:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            assert {"401", "403", "422"} <= set(operation["responses"]), (method, path)
            assert operation["summary"], (method, path)


def test_the_description_needs_a_key_for_every_route(app: FastAPI) -> None:
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            assert operation["security"] == [{"HTTPBearer": []}], (method, path)


def test_the_description_is_served_and_is_the_same(app: FastAPI, server: str) -> None:
    with httpx.Client(trust_env=False) as client:
        served = client.get(f"{server}/api/openapi.json")
    assert served.json() == json.loads(json.dumps(app.openapi()))


def test_ten_megabytes_over_a_real_connection_are_refused_and_the_next_request_is_served(
    server: str,
) -> None:
    headers = new_key("sender", "read", "operate")
    with httpx.Client(base_url=server, headers=headers, trust_env=False) as client:
        response = client.post("/api/strategies", content=b" " * 10_000_000)
        assert response.status_code == 413
        assert response.json()["error"]["code"] == "too_large"
        assert client.get("/api/strategies").status_code == 200
