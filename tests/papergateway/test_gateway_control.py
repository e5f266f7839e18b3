"""The control plane: what it tells, what it changes, what it refuses."""

from datetime import UTC, datetime

import httpx
import pytest
from starlette.testclient import TestClient

from backend.papergateway.running import RunningGateway
from backend.papergateway.server import create_app


@pytest.fixture
def sim(gateway: RunningGateway, client: httpx.Client) -> httpx.Client:
    client.base_url = httpx.URL(f"{gateway.url}/__sim")
    return client


def test_the_clock_can_be_set_moved_and_sped_up(gateway: RunningGateway) -> None:
    control = gateway.control
    new_year = datetime(2027, 1, 1, tzinfo=UTC)
    control.run_at(0.001)
    control.set_clock(new_year)
    control.advance(3600)
    assert control.now_ms() // 1000 == int(new_year.timestamp()) + 3600
    control.run_at(5000)
    assert control.state()["speed"] == 5000


def test_the_state_tells_what_can_be_traded(gateway: RunningGateway) -> None:
    state = gateway.control.state()
    assert state["simulated"] is True
    assert "AAPL" in {item["symbol"] for item in state["instruments"]}


@pytest.mark.parametrize(
    ("path", "body", "sentence"),
    [
        ("clock", '{"speed": 0}', "speed: Input should be greater than 0."),
        ("clock", '{"now": "2026-01-01T00:00"}', "now: Input should have timezone info."),
        ("clock", '{"nwo": 1}', "There is no field 'nwo'. Did you mean 'now'?"),
        ("clock", "[]", "The body has to be a JSON object."),
        ("clock", "{", "The body is not JSON"),
        ("clock", '{"now_ms": 1, "now": "2026-01-01T00:00Z"}', "Give either `now` or `now_ms`"),
        ("session", '{"state": "redy"}', "Did you mean 'ready'?"),
        ("faults", '{"add": [{"kind": "stal"}]}', "Did you mean 'stall'?"),
        ("faults", '{"add": [{"kind": "stall", "tims": 1}]}', "Did you mean 'times'?"),
        ("faults", '{"add": [{"kind": "stall", "probability": 2}]}', "add.0.probability"),
    ],
)
def test_a_bad_body_is_refused_with_a_sentence(
    sim: httpx.Client, path: str, body: str, sentence: str
) -> None:
    answer = sim.post(f"/{path}", content=body)
    assert answer.status_code == 422
    assert sentence in answer.json()["error"]


def test_an_unknown_path_is_answered_with_the_nearest(sim: httpx.Client) -> None:
    answer = sim.get("/stat")
    assert answer.status_code == 404
    assert answer.json()["error"] == "There is nothing at /__sim/stat. Did you mean '/__sim/state'?"
    assert "does not answer to POST" in sim.post("/state").json()["error"]


def test_the_control_plane_is_for_this_machine_only(gateway: RunningGateway) -> None:
    elsewhere = TestClient(create_app(gateway.world), client=("192.168.1.7", 4711))
    assert elsewhere.get("/__sim/state").status_code == 403
    assert elsewhere.get("/v1/api/tickle").status_code == 200


def test_a_reset_forgets_sessions_faults_and_requests(
    gateway: RunningGateway, primed: httpx.Client
) -> None:
    gateway.control.add_fault("stall")
    gateway.control.session("competing")
    gateway.control.reset()
    state = gateway.control.state()
    assert state["session"]["state"] == "ready"
    assert state["session"]["queried_accounts"] is False
    assert (state["faults"], gateway.control.requests()) == ([], [])
