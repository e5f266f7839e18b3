"""How often somebody may try."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from limits import RateLimitItemPerMinute
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.web import links, people, rate_limits
from tests.support.live_engine import Engine
from tests.support.web_client import new_key


@pytest.fixture(autouse=True)
def nothing_counted() -> Iterator[None]:
    rate_limits._counter.cache_clear()
    yield
    rate_limits._counter.cache_clear()


def guess(client: TestClient, name: str) -> Any:
    return client.post("/sign-in", data={"name": name, "password": "a guess"})


def test_the_eleventh_guess_at_a_password_has_to_wait(anonymous: TestClient) -> None:
    for _ in range(10):
        assert guess(anonymous, "ann").status_code == 401
    response = guess(anonymous, " ANN ")
    assert response.status_code == 429
    # Until the first guess is a quarter of an hour old.
    assert 600 <= int(response.headers["Retry-After"]) <= 900
    assert re.search(r"Try again in 1\d minutes", response.text)
    assert guess(anonymous, "bob").status_code == 401


def test_an_address_cannot_go_from_name_to_name(anonymous: TestClient) -> None:
    statuses = [guess(anonymous, f"name {number}").status_code for number in range(31)]
    assert statuses == [401] * 30 + [429]


def test_a_link_that_works_lets_in_whoever_was_locked_out(
    anonymous: TestClient, engine: Engine
) -> None:
    for _ in range(31):
        anonymous.post("/sign-in", data={"token": "invented"})
    assert anonymous.post("/sign-in", data={"token": "invented"}).status_code == 429
    with transaction() as session:
        token = links.make(session, engine.clock, people.get(session, "ann"))
    assert anonymous.post("/sign-in", data={"token": token}).status_code == 303


def test_the_sign_in_is_guarded_while_redis_is_away(
    anonymous: TestClient, set_env: Callable[..., None]
) -> None:
    set_env(REDIS_URL="redis://127.0.0.1:1/0")
    statuses = [guess(anonymous, "ann").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]


def test_every_answer_to_a_key_says_how_much_is_left(http: TestClient) -> None:
    headers = new_key("reader", "read")
    for used in (1, 2):
        answer = http.get("/api/strategies", headers=headers)
        assert answer.headers["RateLimit-Limit"] == "1200"
        assert answer.headers["RateLimit-Remaining"] == str(1200 - used)
        assert 1 <= int(answer.headers["RateLimit-Reset"]) <= 60
    other = http.get("/api/strategies", headers=new_key("other", "read"))
    assert other.headers["RateLimit-Remaining"] == "1199"


def test_a_key_that_calls_too_often_is_told_when_to_go_on(
    http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "CALLS_OF_KEY", RateLimitItemPerMinute(2, namespace="few"))
    headers = new_key("reader", "read")
    answers = [http.get("/api/strategies", headers=headers) for _ in range(3)]
    assert [each.status_code for each in answers] == [200, 200, 429]
    assert answers[2].json()["error"]["code"] == "too_many"
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert answers[2].headers["RateLimit-Remaining"] == "0"


def test_a_key_is_served_while_redis_is_away(
    http: TestClient, set_env: Callable[..., None]
) -> None:
    headers = new_key("reader", "read")
    set_env(REDIS_URL="redis://127.0.0.1:1/0")
    assert http.get("/api/strategies", headers=headers).status_code == 200
