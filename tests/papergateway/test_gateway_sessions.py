"""Logins come and go; every state fails in its own way."""

import httpx
import pytest

from backend.papergateway.running import RunningGateway


def status(client: httpx.Client) -> dict[str, object]:
    found: dict[str, object] = client.post("/iserver/auth/status").json()
    return found


def test_the_session_id_is_the_same_at_every_tickle(client: httpx.Client) -> None:
    first, second = client.post("/tickle").json(), client.get("/tickle").json()
    assert first["session"] == second["session"]
    assert len(bytes.fromhex(first["session"])) == 16
    assert first["hmds"] == {"error": "no bridge"}
    assert first["iserver"]["authStatus"] == status(client)


def test_the_login_ends_at_midnight_in_new_york(client: httpx.Client) -> None:
    # It is 10:30 in New York.
    assert client.post("/tickle").json()["ssoExpires"] == pytest.approx(13.5 * 3_600_000, abs=2_000)


@pytest.mark.parametrize("state", ["logged_out", "sso_expired"])
def test_without_a_login_everything_is_an_empty_401(
    gateway: RunningGateway, client: httpx.Client, state: str
) -> None:
    gateway.control.session(state)
    for path in ("/tickle", "/iserver/auth/status", "/portfolio/accounts", "/iserver/accounts"):
        answer = client.get(path)
        assert (answer.status_code, answer.content) == (401, b"")
    assert client.post("/iserver/reauthenticate").json() == {"error": "not logged in"}


@pytest.mark.parametrize(("state", "connected"), [("sso_only", False), ("connecting", True)])
def test_without_a_brokerage_session_only_iserver_fails(
    gateway: RunningGateway, primed: httpx.Client, state: str, connected: bool
) -> None:
    gateway.control.session(state)
    assert status(primed)["connected"] is connected
    assert status(primed)["authenticated"] is False
    answer = primed.get("/iserver/accounts")
    assert answer.status_code == 400
    assert answer.json() == {"error": "Bad Request: no bridge", "statusCode": 400}
    assert primed.get("/portfolio/DU1234567/ledger").status_code == 200
    assert primed.get("/trsrv/stocks", params={"symbols": "AAPL"}).status_code == 200


def test_a_new_brokerage_session_needs_a_moment_and_priming_anew(
    gateway: RunningGateway, primed: httpx.Client
) -> None:
    before = primed.post("/tickle").json()["session"]
    gateway.control.session("connecting")
    made = primed.post("/iserver/auth/ssodh/init", json={"publish": True, "compete": True}).json()
    assert (made["authenticated"], made["established"]) == (True, False)
    assert "no bridge" in primed.get("/iserver/accounts").text
    gateway.control.advance(2)
    assert "query /accounts first" in snapshot(primed).text
    assert primed.post("/tickle").json()["session"] != before
    primed.get("/iserver/accounts")
    assert snapshot(primed).status_code == 200


def snapshot(client: httpx.Client) -> httpx.Response:
    query = {"conids": "265598", "fields": "31"}
    return client.get("/iserver/marketdata/snapshot", params=query)


def test_a_competitor_yields_only_to_one_who_competes(
    gateway: RunningGateway, client: httpx.Client
) -> None:
    gateway.control.session("competing")
    assert status(client)["competing"] is True
    lost = client.post("/iserver/auth/ssodh/init", json={"publish": True, "compete": False})
    assert (lost.status_code, lost.json()["authenticated"]) == (200, False)
    won = client.post("/iserver/auth/ssodh/init", json={"publish": True, "compete": True})
    assert won.json()["authenticated"] is True


def test_the_brokerage_session_dies_of_idleness_but_not_while_it_is_tickled(
    gateway: RunningGateway, client: httpx.Client
) -> None:
    for _ in range(3):
        gateway.control.advance(300)
        client.post("/tickle")
    assert status(client)["authenticated"] is True
    gateway.control.advance(300)
    status(client)  # Asking for the status is no sign of life.
    gateway.control.advance(61)
    assert status(client)["authenticated"] is False


def test_at_high_speed_nobody_could_tickle_so_that_idleness_does_not_count(
    gateway: RunningGateway, client: httpx.Client
) -> None:
    gateway.control.run_at(1000)
    gateway.control.advance(86_400)
    assert status(client)["authenticated"] is True


def test_the_nightly_restart_takes_session_and_priming(
    gateway: RunningGateway, primed: httpx.Client
) -> None:
    before = primed.post("/tickle").json()["session"]
    gateway.control.advance(14.6 * 3_600)
    after = primed.post("/tickle").json()
    assert after["iserver"]["authStatus"]["authenticated"] is False
    assert after["session"] != before
    assert "query /accounts first" in primed.get("/portfolio/DU1234567/ledger").text


def test_query_accounts_first_can_be_a_500_as_users_see_it(
    gateway: RunningGateway, client: httpx.Client
) -> None:
    assert snapshot(client).json() == {
        "error": "Bad Request: Please query /accounts first",
        "statusCode": 400,
    }
    gateway.control._ask("POST", "session", {"priming_status": 500})
    assert snapshot(client).status_code == 500


def test_a_person_logs_in_by_browser(gateway: RunningGateway, client: httpx.Client) -> None:
    assert client.post("/logout").json() == {"status": True}
    page = client.get(f"{gateway.url}/sso/Login")
    assert "Log in" in page.text
    assert "Client login succeeds" in client.post(f"{gateway.url}/sso/Login").text
    assert client.post("/tickle").status_code == 200


def test_weeks_go_by_in_seconds_without_losing_the_session(
    gateway: RunningGateway, primed: httpx.Client
) -> None:
    query = {"conid": "265598", "period": "1y", "bar": "1d"}

    def last_start() -> int:
        history = primed.get("/iserver/marketdata/history", params=query).json()
        start: int = history["data"][-1]["t"]
        return start

    before = last_start()
    gateway.control.run_at(1_000_000)
    while gateway.control.now_ms() - before < 20 * 86_400_000:
        primed.get("/iserver/auth/status")
    assert last_start() - before > 15 * 86_400_000
    assert status(primed)["authenticated"] is True
