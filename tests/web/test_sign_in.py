"""Who gets in, and for how long."""

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import select, text
from starlette.testclient import TestClient

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.web import audit, links, people, sessions
from backend.web.sessions import BrowserSession
from tests.support.live_engine import FRIDAY, Engine
from tests.support.web_client import browser

OPEN_TO_ALL = {"/sign-in", "/health/live", "/health/ready", "/metrics", "/api/openapi.json"}
PASSWORD = "correct horse battery"


def new_link(engine: Engine, name: str = "ann") -> str:
    with transaction() as session:
        person = people.find(session, name) or people.add(session, engine.clock, name)
        return links.make(session, engine.clock, person)


def send_link(client: TestClient, token: str, **form: str) -> Any:
    return client.post("/sign-in", data={"token": token, **form})


def session_rows() -> list[BrowserSession]:
    with transaction() as session:
        return list(session.scalars(select(BrowserSession).order_by(BrowserSession.id)))


def actions() -> list[str]:
    with transaction() as session:
        return [row.action for row in audit.find(session, audit.Filters())]


# --- every page asks ---------------------------------------------------------------------------


def page_routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    for route in flat(app.routes):
        if isinstance(route, APIRoute) and not route.path.startswith("/api"):
            for method in sorted(route.methods or ()):
                yield method, re.sub(r"\{[^}]+\}", "1", route.path)


def flat(routes: Iterable[Any]) -> Iterator[Any]:
    """A router that is included stands for its routes."""
    for route in routes:
        included = getattr(route, "original_router", None)
        yield from flat(included.routes) if included is not None else [route]


def test_no_page_is_shown_to_somebody_who_is_not_signed_in(
    app: FastAPI, anonymous: TestClient
) -> None:
    asked = [each for each in page_routes(app) if each[1] not in OPEN_TO_ALL]
    for method, path in asked:
        response = anonymous.request(method, path)
        expected = 303 if method == "GET" else 401
        assert response.status_code == expected, (method, path)
        if method == "GET":
            assert response.headers["location"].startswith("/sign-in")
    assert len(asked) >= 5


def test_no_page_is_written_to_without_the_sessions_own_token(
    app: FastAPI, http: TestClient
) -> None:
    for method, path in page_routes(app):
        if method not in ("GET", "HEAD") and path not in OPEN_TO_ALL:
            response = http.request(method, path, headers={"X-CSRF-Token": ""})
            assert response.status_code == 403, (method, path)


def test_the_way_to_the_sign_in_remembers_the_page_with_its_filters(anonymous: TestClient) -> None:
    response = anonymous.get("/executions?symbol=AAPL&outcome=held")
    assert response.headers["location"] == (
        "/sign-in?next=/executions%3Fsymbol%3DAAPL%26outcome%3Dheld"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"Accept": "text/event-stream"},
        {"Accept": "application/json"},
        {"Accept": "*/*", "Sec-Fetch-Dest": "empty"},
    ],
)
def test_a_script_is_told_in_json_that_the_session_has_ended(
    anonymous: TestClient, headers: dict[str, str]
) -> None:
    response = anonymous.get("/executions", headers=headers)
    assert (response.status_code, response.json()["error"]["code"]) == (401, "sign_in_needed")


# --- by link -------------------------------------------------------------------------------------


def test_a_link_shows_a_page_that_does_not_use_it_up_and_then_works_once(
    anonymous: TestClient, engine: Engine
) -> None:
    token = new_link(engine)
    for _ in range(3):
        html = anonymous.get(f"/sign-in?token={token}").text
        assert f'name="token" value="{token}"' in html
    response = send_link(anonymous, token, next="/executions?symbol=AAPL")
    assert (response.status_code, response.headers["location"]) == (303, "/executions?symbol=AAPL")
    assert anonymous.get("/executions").status_code == 200


def test_a_link_that_was_used_lets_nobody_in_again(
    app: FastAPI, anonymous: TestClient, engine: Engine
) -> None:
    token = new_link(engine)
    send_link(anonymous, token)
    thief = browser(app)
    response = send_link(thief, token)
    assert response.status_code == 401
    assert "glassbox link" in response.text
    assert thief.get("/executions").status_code == 303


def test_a_link_is_too_old_after_an_hour(anonymous: TestClient, engine: Engine) -> None:
    token = new_link(engine)
    engine.advance(seconds=3600)
    assert send_link(anonymous, token).status_code == 401


def test_an_invented_link_is_refused_and_the_attempt_is_noted(anonymous: TestClient) -> None:
    assert send_link(anonymous, "invented").status_code == 401
    assert actions() == ["person.sign_in_failed"]


def test_no_link_is_kept_in_the_database_as_it_is(engine: Engine) -> None:
    token = new_link(engine)
    with transaction() as session:
        assert token not in str(session.execute(text("SELECT * FROM sign_in_tokens")).all())


# --- by password ---------------------------------------------------------------------------------


def with_password(engine: Engine) -> None:
    with transaction() as session:
        people.set_password(people.add(session, engine.clock, "bob"), PASSWORD)


def test_name_and_password_let_in(anonymous: TestClient, engine: Engine) -> None:
    with_password(engine)
    response = anonymous.post("/sign-in", data={"name": "bob", "password": PASSWORD})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert anonymous.get("/executions").status_code == 200


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("bob", "wrong"),
        ("bob", ""),
        ("nobody", PASSWORD),
        ("", ""),
        ("ann", ""),
        ("bob", "x" * 999),
    ],
)
def test_a_wrong_pair_lets_nobody_in_and_does_not_say_which_half_was_wrong(
    anonymous: TestClient, engine: Engine, name: str, password: str
) -> None:
    with_password(engine)
    response = anonymous.post("/sign-in", data={"name": name, "password": password})
    assert response.status_code == 401
    assert "Name and password do not belong together." in response.text
    assert anonymous.get("/executions").status_code == 303


def test_a_password_typed_as_a_name_is_not_kept(anonymous: TestClient, engine: Engine) -> None:
    anonymous.post("/sign-in", data={"name": PASSWORD, "password": PASSWORD})
    with transaction() as session:
        kept = str(session.execute(text("SELECT * FROM audit_log")).all())
    assert PASSWORD not in kept


def test_a_password_is_kept_as_argon2id(engine: Engine) -> None:
    with_password(engine)
    with transaction() as session:
        kept = people.get(session, "bob").password_hash
    assert kept is not None
    assert kept.startswith("$argon2id$")


# --- sessions ------------------------------------------------------------------------------------


def cookie_of(client: TestClient) -> tuple[str, str]:
    [cookie] = client.cookies.jar
    return cookie.name, str(cookie.value)


def test_signing_in_makes_a_new_session_whatever_the_browser_brought(
    anonymous: TestClient, engine: Engine
) -> None:
    send_link(anonymous, new_link(engine))
    name, planted = cookie_of(anonymous)
    send_link(anonymous, new_link(engine))
    assert cookie_of(anonymous)[1] != planted
    anonymous.cookies.clear()
    anonymous.cookies.set(name, planted)
    assert anonymous.get("/executions").status_code == 303


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
    anonymous: TestClient, engine: Engine
) -> None:
    header = send_link(anonymous, new_link(engine)).headers["set-cookie"]
    assert header.startswith("glassbox_")
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(header.split("; "))
    assert "Secure" not in header
    assert "Domain" not in header


def test_over_https_the_cookie_goes_nowhere_else(
    app: FastAPI, http: TestClient, engine: Engine
) -> None:
    client = TestClient(app, base_url="https://127.0.0.1", follow_redirects=False)
    client.headers["Origin"] = "https://127.0.0.1"
    response = send_link(client, new_link(engine))
    assert response.headers["set-cookie"].startswith("__Host-glassbox_")
    assert "Secure" in response.headers["set-cookie"]
    assert response.headers["strict-transport-security"]


def test_a_cookie_that_we_did_not_sign_is_nothing(anonymous: TestClient, engine: Engine) -> None:
    send_link(anonymous, new_link(engine))
    name, value = cookie_of(anonymous)
    anonymous.cookies.clear()
    # Not its last letter, of which some bits mean nothing.
    changed = "A" if value[-10] != "A" else "B"
    anonymous.cookies.set(name, value[:-10] + changed + value[-9:])
    assert anonymous.get("/executions").status_code == 303


def test_signing_out_ends_the_session_for_whoever_kept_the_cookie(http: TestClient) -> None:
    name, value = cookie_of(http)
    response = http.post("/sign-out")
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    http.cookies.clear()
    http.cookies.set(name, value)
    assert http.get("/executions").status_code == 303
    assert "person.signed_out" in actions()


def test_a_session_ends_after_a_week_without_use(http: TestClient, engine: Engine) -> None:
    engine.advance(days=6)
    assert http.get("/executions").status_code == 200
    engine.advance(days=7)
    assert http.get("/executions").status_code == 303


def test_a_session_ends_after_a_month_however_much_it_is_used(
    http: TestClient, engine: Engine
) -> None:
    for _ in range(29):
        engine.advance(days=1)
        assert http.get("/executions").status_code == 200
    engine.advance(days=1)
    assert http.get("/executions").status_code == 303


def test_the_token_changes_every_hour_and_the_old_one_dies_soon_after_the_new_one_was_seen(
    http: TestClient, engine: Engine
) -> None:
    name, old = cookie_of(http)
    engine.advance(minutes=61)
    http.get("/executions")
    http.cookies.delete(name, domain="")  # the one that the test put there
    _, new = cookie_of(http)
    assert new != old
    other = {"Cookie": f"{name}={old}"}
    plain = browser(http.app)  # type: ignore[arg-type]  # an ASGI application, as it was given
    assert plain.get("/executions", headers=other).status_code == 200
    http.get("/executions")
    engine.advance(minutes=2)
    assert plain.get("/executions", headers=other).status_code == 303
    assert http.get("/executions").status_code == 200


def test_a_browser_that_never_got_the_new_token_is_given_another_one(db: str) -> None:
    clock = ManualClock(FRIDAY)
    with transaction() as session:
        _, token = sessions.begin(
            session, clock, people.add(session, clock, "ann"), address="", agent=""
        )
    seen = []
    for minutes in (61, 0, 5, 0):
        clock.advance(minutes=minutes)
        with transaction() as session:
            found = sessions.find(session, clock, token)
        assert found is not None
        seen.append(found.fresh_token is not None)
    assert seen == [True, False, True, False]


def test_the_tokens_of_sessions_are_not_kept_in_the_database(
    http: TestClient,
) -> None:
    value = cookie_of(http)[1]
    with transaction() as session:
        kept = str(session.execute(text("SELECT * FROM browser_sessions")).all())
    assert value.partition(".")[0] not in kept


def test_a_session_says_from_where_and_when(anonymous: TestClient, engine: Engine) -> None:
    send_link(anonymous, new_link(engine))
    row = session_rows()[-1]
    assert row.address == "testclient"
    assert row.agent.startswith("testclient")
    assert row.expires_at - row.created_at == timedelta(days=30)


# --- forged writes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {"X-CSRF-Token": ""},
        {"X-CSRF-Token": "invented"},
        {"X-CSRF-Token": "é"},
        {"X-CSRF-Token": "A" * 88},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
    ids=[str(n) for n in range(10)],
)
def test_a_write_without_our_token_or_from_another_site_changes_nothing(
    http: TestClient, headers: dict[str, str]
) -> None:
    sent = {name.encode(): value.encode() for name, value in headers.items()}
    response = http.post("/sign-out", headers=sent)
    assert response.status_code == 403
    assert "load the page again" in response.text
    assert http.get("/executions").status_code == 200


def test_the_token_of_another_session_is_no_proof(
    app: FastAPI, http: TestClient, anonymous: TestClient, engine: Engine
) -> None:
    send_link(anonymous, new_link(engine, "mallory"))
    theirs = http.headers["X-CSRF-Token"]
    assert anonymous.post("/sign-out", headers={"X-CSRF-Token": theirs}).status_code == 403
    assert http.post("/sign-out").status_code == 303


def test_a_form_carries_the_token_in_a_field(http: TestClient) -> None:
    token = http.headers.pop("X-CSRF-Token")
    assert http.post("/sign-out", data={"csrf_token": "x"}).status_code == 403
    assert http.post("/sign-out", data={"csrf_token": token}).status_code == 303


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": ""}])
def test_nobody_is_signed_in_from_another_site(
    anonymous: TestClient, engine: Engine, headers: dict[str, str]
) -> None:
    """Or else a site could sign its visitors in as somebody whose doings it reads."""
    token = new_link(engine)
    response = anonymous.post("/sign-in", data={"token": token}, headers=headers)
    assert response.status_code == 403
    assert send_link(anonymous, token).status_code == 303


# --- and where to --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "/\t/evil.example",
        "/a\r\nSet-Cookie: x=1",
        "javascript:alert(1)",
        "evil",
        "",
        "/" + "x" * 1999,
        "/sign-in?next=/sign-in",
    ],
)
def test_after_the_sign_in_nobody_is_led_to_another_site(
    anonymous: TestClient, engine: Engine, wanted: str
) -> None:
    response = send_link(anonymous, new_link(engine), next=wanted)
    assert response.status_code == 303
    assert response.headers["location"] in ("/", wanted if len(wanted) == 2000 else "/")
    assert "set-cookie" in response.headers
    assert anonymous.get("/sign-in", params={"next": wanted}).headers["location"].startswith("/")


def test_whoever_is_signed_in_needs_no_sign_in(http: TestClient) -> None:
    response = http.get("/sign-in?next=/executions")
    assert (response.status_code, response.headers["location"]) == (303, "/executions")


# --- many at once --------------------------------------------------------------------------------


def test_of_many_who_open_a_link_at_once_one_gets_in(db: str) -> None:
    clock = ManualClock(FRIDAY)
    with transaction() as session:
        token = links.make(session, clock, people.add(session, clock, "ann"))

    def use(_: int) -> bool:
        with transaction() as session:
            return links.use(session, clock, token) is not None

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(use, range(16))) == [False] * 15 + [True]


def test_of_many_requests_that_find_a_token_old_one_brings_the_new_one(db: str) -> None:
    clock = ManualClock(FRIDAY)
    with transaction() as session:
        person = people.add(session, clock, "ann")
        _, token = sessions.begin(session, clock, person, address="", agent="")
    clock.advance(hours=2)

    def ask(_: int) -> str | None:
        with transaction() as session:
            found = sessions.find(session, clock, token)
            assert found is not None
            return found.fresh_token

    with ThreadPoolExecutor(8) as pool:
        fresh = [each for each in pool.map(ask, range(16)) if each is not None]
    assert len(fresh) == 1
    with transaction() as session:
        assert sessions.find(session, clock, fresh[0]) is not None
