"""What every answer tells the browser, and how it travels."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from backend.web.assets import static
from backend.web.headers import HEADERS


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/executions", 200),
        ("/sign-in", 303),
        ("/nothing/here", 404),
        ("/executions/x", 422),
        ("/executions?symbol=%00", 422),
        ("/api/strategies", 401),
        ("/health/live", 200),
    ],
)
def test_every_answer_is_guarded_and_kept_nowhere(http: TestClient, path: str, status: int) -> None:
    response = http.get(path)
    assert response.status_code == status
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert response.headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in response.headers


def test_so_are_a_bug_a_body_too_large_and_an_unknown_host(app: FastAPI, http: TestClient) -> None:
    def broken() -> None:
        raise ZeroDivisionError

    app.router.routes.insert(0, APIRoute("/broken", broken))
    answers = {
        500: http.get("/broken"),
        413: http.post("/sign-out", content=b" " * 1_000_001),
        400: http.get("/executions", headers={"Host": "evil.example"}),
    }
    for status, response in answers.items():
        assert response.status_code == status
        assert {name: response.headers.get(name) for name in HEADERS} == HEADERS, status


def test_the_policy_lets_in_no_inline_script_and_nothing_from_elsewhere() -> None:
    policy = dict(
        part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert not any("http" in each or "*" in each for each in policy.values())


def test_assets_asked_for_by_version_are_kept_for_good(http: TestClient) -> None:
    kept = http.get(static("glassbox.css")).headers["Cache-Control"]
    assert kept == "public, max-age=31536000, immutable"
    assert http.get("/static/glassbox.css").headers["Cache-Control"] == "no-cache"


def test_pages_travel_compressed(http: TestClient) -> None:
    response = http.get("/executions", headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in response.headers["Vary"]
    plain = http.get("/executions", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in plain.headers


def test_live_events_are_not_held_back_to_be_compressed(app: FastAPI, http: TestClient) -> None:
    def events() -> Response:
        def send() -> Iterator[str]:
            yield "data: " + "x" * 2_000 + "\n\n"

        return StreamingResponse(send(), media_type="text/event-stream")

    app.router.routes.insert(0, APIRoute("/events", events))
    response = http.get("/events", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in response.headers
    assert response.text.startswith("data: x")
