"""What a person sees when something goes wrong."""

import re
from collections.abc import Callable, Iterator

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from backend.core import database
from backend.core.errors import TemporaryError
from backend.web.signed_in import SIGNED_IN
from tests.support.web_client import text_of


@pytest.fixture
def away(http: TestClient, set_env: Callable[..., None]) -> Iterator[None]:
    """The database stops answering once the person is signed in."""
    kept = database.engine()
    set_env(DATABASE_URL="postgresql+psycopg2://glassbox@127.0.0.1:1/glassbox")
    database.engine.cache_clear()
    yield
    database.engine().dispose()
    database.engine.cache_clear()
    kept.dispose()


def broken() -> None:
    raise ZeroDivisionError("the secret of the house")


def no_answer() -> None:
    raise TemporaryError("The gateway does not answer.")


@pytest.mark.usefixtures("away")
def test_a_page_says_that_the_database_is_away_and_what_to_do(http: TestClient) -> None:
    response = http.get("/executions?symbol=AAPL")
    assert response.status_code == 503
    html = text_of(response)
    assert 'href="/executions?symbol=AAPL"' in html
    assert 'href="/sign-in"' not in html
    assert "The database is away." in html
    assert "./glassbox status" in html
    assert "Traceback" not in html


@pytest.mark.usefixtures("away")
def test_so_do_the_sign_in_an_unknown_address_and_a_write(http: TestClient) -> None:
    answers = [
        http.post("/sign-in", data={"name": "ann", "password": "a guess"}),
        http.post("/sign-out"),
        http.get("/api/strategies", headers={"Authorization": "Bearer gbx_x"}),
    ]
    assert [each.status_code for each in answers] == [503, 503, 503]
    assert answers[2].json()["error"]["code"] == "database_away"
    # Nobody can be recognised, but the page is there.
    assert http.get("/nothing").status_code == 404


def test_a_bug_shows_a_reference_that_the_log_has_too(
    app: FastAPI, http: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    app.router.routes.insert(0, APIRoute("/broken", broken, dependencies=SIGNED_IN))
    response = http.get("/broken")
    html = text_of(response)
    [reference] = set(re.findall(r"under ([0-9a-f]{12})", html))
    assert response.headers["X-Request-Id"] == reference
    assert any(reference in str(record.msg) for record in caplog.records)
    assert "./glassbox logs web" in html
    assert "secret of the house" not in html
    assert response.headers["Cache-Control"] == "no-store"


def test_a_part_that_is_away_is_named(app: FastAPI, http: TestClient) -> None:
    app.router.routes.insert(0, APIRoute("/away", no_answer, dependencies=SIGNED_IN))
    response = http.get("/away")
    assert response.status_code == 503
    assert "The gateway does not answer." in response.text


def test_an_unknown_address_keeps_the_links_of_who_is_signed_in(
    http: TestClient, anonymous: TestClient
) -> None:
    assert "/account" in text_of(http.get("/nothing"))
    html = text_of(anonymous.get("/nothing"))
    assert "/account" not in html
    assert 'href="/sign-in"' in html


def test_a_form_sent_after_the_session_has_ended_leads_back_to_its_page(
    anonymous: TestClient,
) -> None:
    referer = {"Referer": "http://127.0.0.1/account?tab=keys"}
    response = anonymous.post("/account/keys", data={"name": "x"}, headers=referer)
    assert response.status_code == 401
    assert 'href="/sign-in?next=/account%3Ftab%3Dkeys"' in response.text
    elsewhere = {"Referer": "https://evil.example/x"}
    response = anonymous.post("/account/keys", headers=elsewhere)
    assert "evil" not in response.text


def test_a_body_that_is_too_large_is_told_as_a_page_to_a_person(http: TestClient) -> None:
    response = http.post("/account/keys", content=b"x" * 1_000_001)
    assert response.status_code == 413
    assert "1,000,000 bytes" in text_of(response)
