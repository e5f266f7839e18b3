"""Whatever a program changes stands in the audit log under its key, with the request's id."""

from backend.core.database import transaction
from backend.web import audit
from tests.support.live_engine import definition
from tests.support.web_client import Api


def noted() -> list[tuple[str, str]]:
    with transaction() as session:
        rows = audit.find(session, audit.Filters(actor="key:everything"))
        assert all(row.request_id and row.address == "testclient" for row in rows)
    return [(row.action, row.subject) for row in reversed(rows)]


def test_every_change_through_the_api_is_noted_once(api: Api) -> None:
    strategy = api.post("/strategies", definition(), expect=201)["id"]
    api.put(f"/strategies/{strategy}", definition(description="New"))
    api.put(f"/strategies/{strategy}/enabled", {"is_enabled": True})
    api.post(f"/strategies/{strategy}/executions", {}, expect=202)
    api.ask("DELETE", f"/strategies/{strategy}", expect=204)
    new = {"name": "mine", "kind": "chart", "template": "Judge {{ symbol }}"}
    api.post("/prompts", new, expect=201)
    api.post("/prompts/mine/versions", {"template": "Judge it: {{ symbol }}"}, expect=201)
    api.put("/prompts/mine/labels/production", {"version": 2})
    assert noted() == [
        ("strategy.created", f"strategy {strategy}"),
        ("strategy.saved", f"strategy {strategy}"),
        ("strategy.switched", f"strategy {strategy}"),
        ("strategy.played", f"strategy {strategy}"),
        ("strategy.archived", f"strategy {strategy}"),
        ("prompt.created", "prompt mine"),
        ("prompt.saved", "prompt mine"),
        ("prompt.label_moved", "prompt mine"),
    ]


def test_what_is_refused_or_changes_nothing_is_not_noted(api: Api) -> None:
    strategy = api.post("/strategies", definition(), expect=201)["id"]
    api.put(f"/strategies/{strategy}", definition())
    api.put(f"/strategies/{strategy}/enabled", {"is_enabled": False})
    api.refused("POST", "/strategies", 409, json=definition())
    api.refused("POST", f"/strategies/{strategy}/executions", 422, json={"symbols": ["APPL"]})
    assert noted() == [("strategy.created", f"strategy {strategy}")]
