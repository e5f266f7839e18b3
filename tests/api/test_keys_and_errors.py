"""Who may ask what, and how the API says no."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import text
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions import service
from backend.web.headers import HEADERS
from tests.support.live_engine import definition
from tests.support.web_client import Api, new_key


def api_routes(app: FastAPI) -> list[tuple[str, str]]:
    """Every method and path under /api, with numbers and names filled in."""
    values = {"sha256": "a" * 64, "name": "chart"}
    document = app.openapi()
    return [
        (method.upper(), path.format(**{**dict.fromkeys(_names(path), 1), **values}))
        for path, methods in document["paths"].items()
        for method in methods
        if path.startswith("/api")
    ]


def _names(path: str) -> list[str]:
    return [part.split("}")[0] for part in path.split("{")[1:]]


def test_there_are_as_many_routes_as_the_program_has(app: FastAPI) -> None:
    assert len(api_routes(app)) >= 24
    for wanted in (
        ("POST", "/api/strategies/1/executions"),
        ("GET", "/api/executions/1/lineage"),
        ("GET", "/api/executions/1/verify"),
        ("GET", "/api/lineage/recent"),
        ("GET", "/api/lineage/statistics"),
        ("GET", "/api/symbols/search"),
        ("POST", "/api/symbols/batch"),
        ("GET", "/api/symbols/cache/stats"),
        ("POST", "/api/schedules/preview"),
        ("GET", f"/api/artifacts/{'a' * 64}"),
    ):
        assert wanted in api_routes(app)


def test_every_route_refuses_a_caller_without_key_an_unknown_key_and_a_wrong_scheme(
    app: FastAPI, http: TestClient
) -> None:
    for method, path in api_routes(app):
        for headers in ({}, {"Authorization": "Bearer gbx_unknown"}, {"Authorization": "Basic x"}):
            response = http.request(method, path, headers=headers, json={})
            assert response.status_code == 401, (method, path)
            assert response.json()["error"]["code"] in ("no_key", "unknown_key")
            assert response.headers["WWW-Authenticate"] == "Bearer"


ASKS_ONLY = {
    ("POST", "/api/schedules/preview"),
    ("POST", "/api/strategies/check"),
    ("POST", "/api/symbols/batch"),
}
LETS_ORDERS_OUT = {
    ("PUT", "/api/risk/limits/accounts/1"),
    ("PUT", "/api/risk/limits/everything"),
    ("POST", "/api/risk/halts/release"),
    ("POST", "/api/approvals/1/approve"),
    ("POST", "/api/live-trading/1/confirm"),
    ("POST", "/api/orders/1/cancel"),
    ("PATCH", "/api/orders/1"),
    ("POST", "/api/portfolio/1/positions/1/close"),
    ("POST", "/api/round-trips/1/close"),
    ("POST", "/api/drifts/1/explain"),
}


def scope_of(method: str, path: str) -> str:
    """Whoever adds a route that only asks, or that lets orders out, says so above."""
    if (method, path) in LETS_ORDERS_OUT:
        return "trade"
    return "read" if method == "GET" or (method, path) in ASKS_ONLY else "operate"


@pytest.mark.parametrize("scope", ["read", "operate", "trade"])
def test_a_key_opens_what_its_scope_says_and_nothing_else(
    app: FastAPI, http: TestClient, scope: str
) -> None:
    headers = new_key("narrow", scope)
    for method, path in api_routes(app):
        response = http.request(method, path, headers=headers, json={})
        needed = scope_of(method, path)
        assert (response.status_code == 403) == (needed != scope), (method, path)
        if response.status_code == 403:
            assert f"lacks the scope '{needed}'" in response.json()["error"]["message"]


def test_a_revoked_key_is_refused(api: Api) -> None:
    api.get("/strategies")
    with transaction() as session:
        session.execute(text("UPDATE api_keys SET revoked_at = now()"))
    assert api.refused("GET", "/strategies", 401)["code"] == "unknown_key"


def test_a_key_is_stored_only_as_its_hash(api: Api) -> None:
    secret = api.headers["Authorization"].removeprefix("Bearer ")
    with transaction() as session:
        stored = str(session.execute(text("SELECT * FROM api_keys")).all())
    assert secret not in stored


BAD_BODIES: list[tuple[Any, int]] = [
    (b"", 422),
    (b"{", 422),
    (b"[1, 2", 422),
    (b"\xff\xfe", 400),
    (b'"text"', 422),
    (b"[]", 422),
    (b"null", 422),
    (b"7", 422),
    (b'{"a": ' * 20_000, 400),
    (b'{"name": 1' + b"0" * 5_000 + b"}", 400),
    (b'{"version": 1e400}', 422),
]


@pytest.mark.parametrize(("body", "status"), BAD_BODIES, ids=[str(n) for n in range(11)])
def test_a_body_that_is_no_definition_is_refused(api: Api, body: bytes, status: int) -> None:
    response = api.http.post(
        "/api/strategies",
        content=body,
        headers={**api.headers, "Content-Type": "application/json"},
    )
    assert response.status_code in (status, 422, 400), response.text
    assert response.json()["error"]["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "NUL \0 inside"},
        {"description": "NUL \0 inside"},
        {"name": "half \ud83d"},
        {"symbols": ["AA\0PL"]},
        {"NUL \0": 1},
        {"half \ud83d": 1},
        {"account": "DU\0"},
        {"analysis": {"model": "\0"}},
        {"charts": [{"timeframe": "1d", "bars": 10**400}]},
        {"risk": {"max_quantity": 10**400}},
        {"risk": {"max_quantity": "1e999999"}},
        {"data": {"min_bars": -(10**30)}},
    ],
    ids=[str(n) for n in range(12)],
)
def test_odd_characters_and_huge_numbers_are_refused_and_nothing_is_kept(
    api: Api, changes: dict[str, Any]
) -> None:

    response = api.http.post(
        "/api/strategies",
        content=json.dumps({**definition(), **changes}).encode(),
        headers={**api.headers, "Content-Type": "application/json"},
    )
    assert response.status_code == 422, response.text
    assert response.json()["error"]["message"]
    assert api.get("/strategies") == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/prompts", {"name": "mine", "kind": "chart", "template": "a\0b"}),
        ("POST", "/prompts/chart/versions", {"template": "a\0b"}),
        ("POST", "/symbols/batch", {"symbols": ["A\0"]}),
        ("POST", "/schedules/preview", {"when": "0 9 * * *\0"}),
        ("GET", "/executions?symbol=a%00b", None),
        ("GET", "/executions?reason_code=a%00b", None),
        ("GET", "/lineage/recent?step=a%00b", None),
        ("GET", "/symbols/search?query=a%00b", None),
    ],
)
def test_a_nul_character_anywhere_is_an_input_error_not_a_crash(
    api: Api, method: str, path: str, body: Any
) -> None:
    response = api.http.request(method, f"/api{path}", headers=api.headers, json=body)
    assert response.status_code in (200, 422), response.text


def test_a_body_of_ten_megabytes_is_refused_before_anybody_parses_it(api: Api) -> None:
    error = api.refused("POST", "/strategies", 413, content=b" " * 10_000_000)
    assert (error["code"], "1,000,000 bytes" in error["message"]) == ("too_large", True)


def test_a_stream_without_a_length_is_cut_off_at_the_limit_too(api: Api) -> None:
    chunks = (b" " * 100_000 for _ in range(11))
    assert api.refused("POST", "/strategies", 413, content=chunks)["code"] == "too_large"


def test_a_body_just_below_the_limit_is_read(api: Api) -> None:
    body = {**definition(), "description": "x" * 900_000}
    error = api.refused("POST", "/strategies", 422, json=body)
    assert error["field"] == "description"


def test_unknown_fields_are_named(api: Api) -> None:
    assert api.refused("POST", "/strategies", 422, json=definition(speed=1))["field"] == "speed"
    strategy = api.post("/strategies", definition(), expect=201)["id"]
    body = {"symbols": ["AAPL"], "when": "now"}
    error = api.refused("POST", f"/strategies/{strategy}/executions", 422, json=body)
    assert error["field"] == "when"
    error = api.refused("PUT", f"/strategies/{strategy}/enabled", 422, json={"enabled": True})
    assert error["field"] in ("enabled", "is_enabled")


def test_what_is_not_there_and_what_does_not_answer_is_said_in_json(api: Api) -> None:
    assert api.refused("GET", "/nothing", 404)["code"] == "http_error"
    assert api.refused("DELETE", "/executions", 405)["code"] == "http_error"
    assert api.refused("GET", "/strategies/4711", 404)["code"] == "not_found"
    assert api.refused("GET", f"/artifacts/{'b' * 64}", 404)["code"] == "not_found"
    for path in ("/executions/0", "/executions/x", f"/executions/{2**63}", "/strategies/-1"):
        api.refused("GET", path, 422)


def test_every_answer_carries_the_security_headers_and_a_request_id(api: Api) -> None:
    for path in ("/api/strategies", "/api/nothing", "/executions", "/nothing", "/health/live"):
        response = api.http.get(path)
        for name, value in HEADERS.items():
            assert response.headers[name] == value, path
        assert response.headers["X-Request-Id"]


def test_a_bug_is_told_by_a_reference_without_its_details_and_with_the_headers(
    app: FastAPI, api: Api
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("the secret of the house")

    app.router.routes.insert(0, APIRoute("/api/broken", broken))
    app.router.routes.insert(0, APIRoute("/broken", broken))
    for path in ("/api/broken", "/broken"):
        response = api.http.get(path)
        assert response.status_code == 500
        assert "Something went wrong in our own code. The log has it under" in response.text
        assert "secret of the house" not in response.text
        assert "Traceback" not in response.text
        for name, value in HEADERS.items():
            assert response.headers[name] == value


def test_the_answer_names_no_host_that_is_not_ours(api: Api) -> None:
    response = api.http.get("/health/live", headers={"Host": "evil.example"})
    assert response.status_code == 400


def test_two_who_save_the_same_name_at_once_get_one_success_and_one_conflict(api: Api) -> None:

    for _ in range(3):
        body = definition(name=f"Twice {uuid.uuid4()}")
        with ThreadPoolExecutor(4) as pool:
            answers = pool.map(
                lambda _, body=body: (
                    api.http.post("/api/strategies", json=body, headers=api.headers).status_code
                ),
                range(4),
            )
        assert sorted(answers) == [201, 409, 409, 409]


def test_the_service_finds_nothing_where_nothing_is(api: Api) -> None:
    with transaction() as session:
        assert service.find(session, service.Filters()) == []
