"""Every fault can be switched on for one endpoint, by chance or by count."""

import httpx
import pytest

from backend.papergateway.running import RunningGateway


def test_a_stall_ends_in_503(gateway: RunningGateway, client: httpx.Client) -> None:
    gateway.control.run_at(50)
    gateway.control.add_fault("stall", "iserver/accounts", times=1)
    answer = client.get("/iserver/accounts")
    assert answer.status_code == 503
    assert answer.json() == {"error": "Service Unavailable", "statusCode": 503}
    assert client.get("/iserver/accounts").status_code == 200


@pytest.mark.parametrize("kind", ["drop", "drop_after"])
def test_a_connection_is_cut(gateway: RunningGateway, client: httpx.Client, kind: str) -> None:
    gateway.control.add_fault(kind, "iserver/accounts", times=1)
    with pytest.raises(httpx.TransportError):
        client.get("/iserver/accounts")
    was_carried_out = gateway.control.state()["session"]["queried_accounts"]
    assert was_carried_out is (kind == "drop_after")
    assert gateway.control.requests()[-1]["status"] == 0


@pytest.mark.parametrize(
    ("fault", "status", "body"),
    [
        ({"kind": "error", "status": 500, "text": "boom"}, 500, "boom"),
        ({"kind": "error"}, 503, "Service Unavailable"),
        ({"kind": "empty"}, 200, ""),
        ({"kind": "html"}, 404, "<html>"),
        ({"kind": "html", "status": 200}, 200, "<html>"),
        ({"kind": "error_200", "text": "no"}, 200, '{"error":"no"}'),
        ({"kind": "fake_401"}, 401, ""),
        ({"kind": "rate_limit"}, 429, "Too many requests"),
    ],
)
def test_an_answer_is_wrong_in_the_way_that_was_asked_for(
    gateway: RunningGateway, client: httpx.Client, fault: dict[str, str], status: int, body: str
) -> None:
    gateway.control.add_fault(path="tickle", **fault)
    answer = client.post("/tickle")
    assert answer.status_code == status
    assert body in answer.text if body else answer.content == b""
    assert client.get("/iserver/accounts").status_code == 200


def test_the_penalty_box_can_be_closed_by_hand(
    gateway: RunningGateway, client: httpx.Client
) -> None:
    gateway.control.add_fault("penalty_box", "tickle", times=1)
    assert client.post("/tickle").status_code == 429
    assert client.get("/iserver/accounts").status_code == 429
    gateway.control.advance(601)
    assert client.get("/portfolio/accounts").status_code == 200


def test_faults_follow_a_script(gateway: RunningGateway, client: httpx.Client) -> None:
    gateway.control.add_fault("error", "tickle", after=1, times=2)
    gateway.control.add_fault("empty", "tickle", after=3, times=1)
    asked = [client.post("/tickle") for _ in range(5)]
    assert [answer.status_code for answer in asked] == [200, 503, 503, 200, 200]
    assert [bool(answer.content) for answer in asked] == [True, True, True, False, True]
    assert [fault["fired"] for fault in gateway.control.faults()] == [2, 1]


def test_chance_is_seeded(gateway: RunningGateway, client: httpx.Client) -> None:
    def burst() -> list[int]:
        gateway.control.reset()
        gateway.control.add_fault("error", "tickle", probability=0.5)
        return [client.post("/tickle").status_code for _ in range(20)]

    first = burst()
    assert set(first) == {200, 503}
    assert burst() == first


def test_slow_fields_keep_a_snapshot_bare(gateway: RunningGateway, primed: httpx.Client) -> None:
    gateway.control.add_fault("slow_fields", seconds=3)
    query = {"conids": "265598", "fields": "31"}
    for _ in range(3):
        row = primed.get("/iserver/marketdata/snapshot", params=query).json()[0]
        assert row == {"conid": 265598, "conidEx": "265598"}
    gateway.control.advance(3)
    assert "31" in primed.get("/iserver/marketdata/snapshot", params=query).json()[0]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("logout", 401), ("sso_expired", 401), ("competing", 400), ("nightly_reset", 400)],
)
def test_a_session_event_strikes_in_the_middle_of_a_request(
    gateway: RunningGateway, client: httpx.Client, kind: str, status: int
) -> None:
    gateway.control.add_fault(kind, "iserver/accounts", after=1)
    assert client.get("/iserver/accounts").status_code == 200
    assert client.get("/iserver/accounts").status_code == status


def test_the_session_id_can_change_under_a_client(
    gateway: RunningGateway, client: httpx.Client
) -> None:
    before = client.post("/tickle").json()["session"]
    gateway.control.add_fault("session_id", "tickle", times=1)
    assert client.post("/tickle").json()["session"] != before
