"""One's own account: sessions, password, keys."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.web import audit, keys, people
from backend.web.browser_names import browser_name
from tests.support.live_engine import Engine
from tests.support.web_client import browser, sign_in, text_of

HOSTILE = "<script>alert('x')</script>"
PASSWORD = "correct horse battery"


def other_browser(app: FastAPI, engine: Engine, name: str = "ann") -> TestClient:
    client = browser(app)
    signed_in = sign_in(engine.clock, name)
    client.cookies.set(*signed_in.cookie)
    client.headers["X-CSRF-Token"] = signed_in.csrf_token
    return client


def actions() -> list[str]:
    with transaction() as session:
        return [row.action for row in audit.find(session, audit.Filters())]


def set_password(http: TestClient, **form: str) -> Any:
    return http.post("/account/password", data=form)


# --- sessions ------------------------------------------------------------------------------------


def test_the_account_shows_where_one_is_signed_in(
    app: FastAPI, http: TestClient, engine: Engine
) -> None:
    other_browser(app, engine)
    other_browser(app, engine, "bob")
    html = text_of(http.get("/account"))
    assert html.count("this one") == 1
    assert html.count('action="/account/sessions/') == 2  # the other one, and all


def test_one_session_can_be_ended_without_the_others(
    app: FastAPI, http: TestClient, engine: Engine
) -> None:
    lost = other_browser(app, engine)
    [path] = re.findall(r"/account/sessions/\d+/end", text_of(http.get("/account")))
    assert http.post(path).headers["location"] == "/account"
    assert lost.get("/account").status_code == 303
    assert http.get("/account").status_code == 200
    assert actions() == ["person.sessions_ended"]


def test_nobody_ends_the_sessions_of_somebody_else(
    app: FastAPI, http: TestClient, engine: Engine
) -> None:
    other_browser(app, engine)
    [path] = re.findall(r"/account/sessions/\d+/end", text_of(http.get("/account")))
    bob = other_browser(app, engine, "bob")
    bob.post(path)
    assert re.findall(r"/account/sessions/\d+/end", text_of(http.get("/account"))) == [path]


def test_all_sessions_can_be_ended_at_once(app: FastAPI, http: TestClient, engine: Engine) -> None:
    lost = other_browser(app, engine)
    bob = other_browser(app, engine, "bob")
    assert http.post("/account/sessions/end-all").headers["location"] == "/sign-in"
    assert [each.get("/account").status_code for each in (lost, http, bob)] == [303, 303, 200]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "Firefox on Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/140.0.0.0 Safari/537.36 Edg/140.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML,"
            " like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        ("curl/8.5.0", "curl"),
        ("", "Unknown"),
    ],
)
def test_a_browser_is_called_what_a_person_would_call_it(agent: str, name: str) -> None:
    assert browser_name(agent) == name


# --- the password --------------------------------------------------------------------------------


def test_a_password_is_set_and_then_lets_in_and_ends_the_other_sessions(
    app: FastAPI, http: TestClient, anonymous: TestClient, engine: Engine
) -> None:
    other = other_browser(app, engine)
    response = set_password(http, password=PASSWORD, repeated=PASSWORD)
    assert response.headers["location"] == "/account"
    assert "Other sessions ended: 1." in text_of(http.get("/account"))
    assert other.get("/account").status_code == 303
    signed_in = anonymous.post("/sign-in", data={"name": "ann", "password": PASSWORD})
    assert signed_in.status_code == 303
    assert "person.password_set" in actions()


@pytest.mark.parametrize(
    ("password", "repeated", "field", "told"),
    [
        ("short", "short", "password", "this one has 5"),
        ("x" * 201, "x" * 201, "password", "this one has 201"),
        ("", "", "password", "this one has 0"),
        (PASSWORD, "another", "repeated", "not the same"),
    ],
)
def test_a_password_that_will_not_do_is_refused_beside_its_field(
    http: TestClient, password: str, repeated: str, field: str, told: str
) -> None:
    response = set_password(http, password=password, repeated=repeated)
    assert response.status_code == 422
    [shown] = re.findall(rf'id="error-{field}"[^>]*>([^<]*)', response.text)
    assert told in shown
    assert "person.password_set" not in actions()


def test_a_password_is_changed_only_by_who_knows_it(http: TestClient, engine: Engine) -> None:
    set_password(http, password=PASSWORD, repeated=PASSWORD)
    response = set_password(http, present="a guess", password="y" * 12, repeated="y" * 12)
    assert response.status_code == 422
    assert "not your present password" in response.text
    with transaction() as session:
        assert people.with_password(session, "ann", PASSWORD) is not None
    response = set_password(http, present=PASSWORD, password="y" * 12, repeated="y" * 12)
    assert response.status_code == 303


def test_no_password_is_shown_again_or_noted(http: TestClient) -> None:
    response = set_password(http, password=PASSWORD, repeated="another")
    assert PASSWORD not in response.text
    set_password(http, password=PASSWORD, repeated=PASSWORD)
    with transaction() as session:
        assert PASSWORD not in str(session.execute(text("SELECT * FROM audit_log")).all())


# --- keys ----------------------------------------------------------------------------------------


def make_key(http: TestClient, **form: Any) -> Any:
    return http.post("/account/keys", data={"name": "laptop", "scopes": ["read"], **form})


def key_in(html: str) -> str:
    found = re.findall(r"gbx_[\w-]{43}", html)
    assert found
    return str(found[0])


def test_a_key_is_shown_once_and_works_as_far_as_it_may(http: TestClient) -> None:
    key = key_in(make_key(http).text)
    headers = {"Authorization": f"Bearer {key}"}
    assert http.get("/api/strategies", headers=headers).status_code == 200
    assert http.post("/api/strategies", headers=headers, json={}).status_code == 403
    html = text_of(http.get("/account"))
    assert "laptop" in html
    assert key not in html
    assert "gbx_" not in html


def test_a_key_says_when_it_was_used_last(http: TestClient) -> None:
    key = key_in(make_key(http).text)
    assert "never" in text_of(http.get("/account"))
    http.get("/api/strategies", headers={"Authorization": f"Bearer {key}"})
    assert "never" not in text_of(http.get("/account"))


def test_a_revoked_key_opens_nothing(http: TestClient) -> None:
    key = key_in(make_key(http).text)
    [path] = re.findall(r"/account/keys/\d+/revoke", text_of(http.get("/account")))
    http.post(path)
    assert "opens nothing any more" in text_of(http.get("/account"))
    response = http.get("/api/strategies", headers={"Authorization": f"Bearer {key}"})
    assert response.status_code == 401
    assert actions() == ["key.revoked", "key.created"]


def test_a_key_that_has_expired_opens_nothing(http: TestClient, engine: Engine) -> None:
    key = key_in(make_key(http, days="7").text)
    headers = {"Authorization": f"Bearer {key}"}
    engine.advance(days=6)
    http.get("/account")
    assert http.get("/api/strategies", headers=headers).status_code == 200
    engine.advance(days=1)
    assert http.get("/api/strategies", headers=headers).status_code == 401
    assert "expired" in text_of(http.get("/account"))


@pytest.mark.parametrize(
    ("form", "status", "field", "told"),
    [
        ({"name": " "}, 422, "name", "Give the key a name"),
        ({"scopes": []}, 422, "scopes", "Choose what the key may do"),
        ({"scopes": ["raed"]}, 422, "scopes", "Did you mean"),
        ({"days": "-1"}, 422, "days", "how long"),
        ({"name": "taken"}, 409, "name", "already named"),
    ],
)
def test_a_key_that_cannot_be_made_is_refused_beside_its_field(
    http: TestClient, form: dict[str, Any], status: int, field: str, told: str
) -> None:
    make_key(http, name="taken")
    response = make_key(http, **form)
    assert response.status_code == status
    [shown] = re.findall(rf'id="error-{field}"[^>]*>([^<]*)', response.text)
    assert told in shown
    assert "gbx_" not in response.text
    with transaction() as session:
        assert len(keys.list_all(session)) == 1


def test_hostile_names_are_shown_as_text(http: TestClient) -> None:
    make_key(http, name=HOSTILE)
    make_key(http, name=HOSTILE)  # and in the error beside the field
    html = text_of(http.get("/account"))
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html
