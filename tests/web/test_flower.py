"""The queue's monitor behind our own sign-in: a real Flower on a real Redis."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from starlette.testclient import TestClient

from backend.core.settings import Settings
from backend.embedded import child, health
from backend.embedded.stack import build
from backend.web.flower_sign_in import GOOD_FOR_SECONDS, Tickets, ticket_address

ROOT = Path(__file__).parents[2]


@pytest.fixture
def flower(redis_url: str, tmp_path: Path) -> Iterator[str]:
    """Started with the environment that `glassbox up` gives it."""
    plan = build(Settings(_env_file=None), tmp_path)
    [part] = [part for part in plan.parts if part.name == "flower"]
    assert part.command is not None
    port = child.free_port()
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        part.command(),
        cwd=ROOT,
        env={
            **os.environ,
            **part.environment,
            "CELERY_BROKER_URL": redis_url,
            "FLOWER_PORT": str(port),
            "WEB_PORT": "8123",
        },
        stderr=subprocess.DEVNULL,
    )
    deadline = monotonic() + 60
    while not health.http_answers(f"{url}/healthcheck"):
        assert process.poll() is None
        assert monotonic() < deadline
        sleep(0.1)
    yield url
    process.terminate()
    process.wait(10)


def test_flower_lets_in_by_our_sign_in_and_by_nothing_else(
    flower: str, http: TestClient, set_env: Callable[..., None]
) -> None:
    with httpx.Client(base_url=flower, trust_env=False) as client:
        for path in ("/", "/tasks", "/broker", "/worker/x", "/api/workers", "/api/queues/length"):
            assert client.get(path).headers["location"].startswith("/login"), path
        away = client.get("/login?next=/tasks").headers["location"]
        assert away == "http://127.0.0.1:8123/system/flower?next=%2Ftasks"

        set_env(FLOWER_URL=flower)
        way_in = http.get("/system/flower?next=/tasks").headers["location"]
        assert way_in.startswith(f"{flower}/login?ticket=")
        forged = way_in.replace("ticket=", "ticket=x")
        assert client.get(forged).status_code == 403
        entered = client.get(way_in)
        assert (entered.status_code, entered.headers["location"]) == (302, "/tasks")
        assert client.get("/tasks").status_code == 200
        assert client.get("/api/workers").status_code == 200
    with httpx.Client(base_url=flower, trust_env=False) as thief:
        assert thief.get(way_in).status_code == 403
        assert thief.get("/tasks").status_code == 302


def test_only_who_is_signed_in_is_led_there(
    http: TestClient, anonymous: TestClient, set_env: Callable[..., None]
) -> None:
    set_env(FLOWER_URL="http://127.0.0.1:5555")
    response = anonymous.get("/system/flower")
    assert response.headers["location"] == "/sign-in?next=/system/flower"
    query = parse_qs(urlsplit(http.get("/system/flower?next=//evil").headers["location"]).query)
    assert query["next"] == ["/"]


def test_where_flower_is_not_known_a_page_says_so(http: TestClient) -> None:
    response = http.get("/system/flower")
    assert response.status_code == 404
    assert "FLOWER_URL" in response.text


def test_a_ticket_works_once_and_for_a_minute() -> None:
    tickets = Tickets()
    ticket = parse_qs(urlsplit(ticket_address("http://x", "/")).query)["ticket"][0]
    assert tickets.is_good(ticket, 0.0)
    assert not tickets.is_good(ticket, 1.0)
    assert not tickets.is_good("invented", 1.0)
    assert not tickets.is_good("", 1.0)
    # Remembered for longer than its signature is good.
    assert not tickets.is_good(ticket, GOOD_FOR_SECONDS + 1.0)
