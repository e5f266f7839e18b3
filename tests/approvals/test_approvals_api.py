"""The same over REST, by keys that may trade."""

import pytest
from starlette.testclient import TestClient

from backend.executions.models import Status
from tests.support.live_engine import Engine, read
from tests.support.questions import asking_executor
from tests.support.web_client import Api, new_key


@pytest.fixture
def trader(http: TestClient) -> Api:
    return Api(http, new_key("trader", "read", "operate", "trade"))


@pytest.fixture
def execution_id(engine: Engine) -> int:
    execution_id = engine.start(engine.save())[0]
    asking_executor(engine).run(execution_id)
    return execution_id


def test_the_queue_and_one_of_it(trader: Api, execution_id: int) -> None:
    [listed] = trader.get("/approvals")
    assert listed["execution_id"] == execution_id
    assert (listed["state"], listed["side"], listed["symbol"]) == ("waiting", "BUY", "AAPL")
    shown = trader.get(f"/approvals/{listed['id']}")
    assert shown["order_plan"]["stop"] == "224.50"
    assert shown["preview"]["initial_margin"] == "2300"
    assert trader.get("/approvals", state="decided") == []


def test_a_yes_acts_once(trader: Api, execution_id: int) -> None:
    [listed] = trader.get("/approvals")
    path = f"/approvals/{listed['id']}"
    told = trader.post(f"{path}/approve", {"comment": "Fine."})
    assert (told["state"], told["decided_by"], told["comment"]) == (
        "approved",
        "key:trader",
        "Fine.",
    )
    assert read(execution_id)[0].status is Status.QUEUED
    for word in ("approve", "reject"):
        error = trader.refused("POST", f"{path}/{word}", 409)
        assert error["code"] == "approval_decided"
        assert "approved by key:trader" in error["message"]
    assert [each["state"] for each in trader.get("/approvals", state="decided")] == ["approved"]


def test_a_no_needs_no_body(trader: Api, execution_id: int) -> None:
    [listed] = trader.get("/approvals")
    assert trader.post(f"/approvals/{listed['id']}/reject")["state"] == "rejected"


def test_one_whose_time_is_over_is_expired_at_once(
    trader: Api, engine: Engine, execution_id: int
) -> None:
    [listed] = trader.get("/approvals")
    engine.advance(minutes=16)
    assert trader.get("/approvals") == []
    assert trader.get("/approvals", state="decided")[0]["state"] == "expired"
    error = trader.refused("POST", f"/approvals/{listed['id']}/approve", 409)
    assert error["code"] == "approval_expired"


def test_a_key_that_may_only_operate_can_say_no_and_never_yes(api: Api, execution_id: int) -> None:
    [listed] = api.get("/approvals")
    assert api.refused("POST", f"/approvals/{listed['id']}/approve", 403)
    assert [each["state"] for each in api.get("/approvals")] == ["waiting"]
    assert api.post(f"/approvals/{listed['id']}/reject")["state"] == "rejected"


def test_slips_are_named(trader: Api, execution_id: int) -> None:
    [listed] = trader.get("/approvals")
    path = f"/approvals/{listed['id']}"
    assert trader.refused("POST", f"{path}/reject", 422, json={"coment": "x"})
    assert trader.refused("POST", f"{path}/reject", 422, json={"comment": "x" * 501})
    assert trader.refused("GET", "/approvals/99", 404)
    assert trader.refused("GET", "/approvals?state=maybe", 422)
