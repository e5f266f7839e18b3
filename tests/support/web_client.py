"""The real web process over HTTP, for tests of API and pages; a plugin of `tests/conftest.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.app import create_app
from backend.core.clock import Clock, SystemClock
from backend.core.database import transaction
from backend.strategies import prompts
from backend.web import csrf, keys, people, sessions, signing
from tests.support.live_engine import Engine

ADDRESS = "http://127.0.0.1"


def new_key(name: str, *scopes: str) -> dict[str, str]:
    """The header of a fresh key with these scopes."""
    with transaction() as session:
        key = keys.create(session, SystemClock(), name=name, scopes=list(scopes), author="test")
    return {"Authorization": f"Bearer {key}"}


@dataclass
class Api:
    """The API as somebody with a key for everything meets it; answers must be what is expected."""

    http: TestClient
    headers: dict[str, str]

    def ask(self, method: str, path: str, *, expect: int = 200, **rest: Any) -> Any:
        response = self.http.request(method, f"/api{path}", headers=self.headers, **rest)
        assert response.status_code == expect, response.text
        return response.json() if response.content else None

    def get(self, path: str, *, expect: int = 200, **params: Any) -> Any:
        return self.ask("GET", path, expect=expect, params=params)

    def post(self, path: str, body: Any = None, *, expect: int = 200) -> Any:
        return self.ask("POST", path, expect=expect, json=body)

    def put(self, path: str, body: Any, *, expect: int = 200) -> Any:
        return self.ask("PUT", path, expect=expect, json=body)

    def refused(self, method: str, path: str, status: int, **rest: Any) -> dict[str, Any]:
        """The error inside the answer, which always has the same shape."""
        error: dict[str, Any] = self.ask(method, path, expect=status, **rest)["error"]
        assert set(error) == {"code", "message", "field"}
        assert error["message"]
        return error


@pytest.fixture
def app(engine: Engine) -> FastAPI:
    with transaction() as session:
        prompts.add_defaults(session, engine.clock)
    return create_app(lambda: engine.tools)


def browser(app: FastAPI) -> TestClient:
    """Like a browser on this machine; a bug becomes a 500, not an exception in the test."""
    return TestClient(
        app,
        base_url=ADDRESS,
        headers={"Origin": ADDRESS},
        raise_server_exceptions=False,
        follow_redirects=False,
    )


@dataclass(frozen=True)
class SignedIn:
    """What a browser holds after the sign-in: the session's cookie, and its token for writes."""

    cookie: tuple[str, str]
    csrf_token: str


def sign_in(clock: Clock, name: str = "ann") -> SignedIn:
    with transaction() as session:
        person = people.find(session, name) or people.add(session, clock, name)
        row, token = sessions.begin(session, clock, person, address="127.0.0.1", agent="test")
    cookie = f"glassbox_{signing.instance()}", signing.sign("session", token)
    return SignedIn(cookie, csrf.token(row.id))


@pytest.fixture
def http(app: FastAPI, engine: Engine) -> Iterator[TestClient]:
    """A browser in which Ann is signed in, and whose writes come from our own pages."""
    with browser(app) as client:
        signed_in = sign_in(engine.clock)
        client.cookies.set(*signed_in.cookie)
        client.headers["X-CSRF-Token"] = signed_in.csrf_token
        yield client


@pytest.fixture
def anonymous(app: FastAPI, http: TestClient) -> TestClient:
    """A browser in which nobody is signed in."""
    return browser(app)


@pytest.fixture
def api(http: TestClient) -> Api:
    return Api(http, new_key("everything", "read", "operate"))


def text_of(response: Any) -> str:
    assert response.headers["content-type"].startswith("text/html"), response.text
    text: str = response.text
    return text
