"""Replays and comparisons as a program meets them."""

import pytest

from tests.executions.replays.test_replay_facts import watching
from tests.support.live_engine import Engine
from tests.support.web_client import Api, new_key


@pytest.fixture
def source(engine: Engine) -> int:
    return engine.run(watching())[0].id


def test_a_replay_is_started_listed_and_compared(api: Api, engine: Engine, source: int) -> None:
    wanted = {"settings": {"risk.max_quantity": 1}}
    made = api.post(f"/executions/{source}/replays", wanted, expect=202)
    assert (made["replay_of"], made["replay_from"]) == (source, "size_and_check_risk")
    assert made["requested_by"] == "key:everything"
    asked = [{"path": "risk.max_quantity", "before": None, "after": "1"}]
    assert made["changes"]["asked"] == asked
    engine.executor.run(made["id"])
    [listed] = api.get(f"/executions/{source}/replays")
    assert (listed["id"], listed["status"]) == (made["id"], "finished")
    assert api.get("/executions")["executions"][0]["id"] == source
    assert api.get("/executions", trigger="replay")["executions"][0]["replay_of"] == source
    found = api.get("/executions/compare", a=source, b=made["id"])
    assert (found["parts_at"], found["is_finished"]) == ("size_and_check_risk", True)
    assert [each["path"] for each in found["asked"]] == ["risk.max_quantity"]
    states = {each["step"]: each["state"] for each in found["steps"]}
    assert states["generate_signal"] == "same"
    quantity = next(
        each for each in found["steps"][10]["facts"] if each["path"] == "order_plan.quantity"
    )
    assert (quantity["second"], float(quantity["difference"]) < 0) == ("1", True)


def test_a_replay_may_begin_anywhere_and_change_nothing(api: Api, source: int) -> None:
    assert api.post(f"/executions/{source}/replays", expect=202)["replay_from"] == "preflight"
    wanted = {"from_step": "form_view"}
    made = api.post(f"/executions/{source}/replays", wanted, expect=202)
    assert made["replay_from"] == "form_view"
    found = api.get("/executions/compare", a=source, b=made["id"])
    assert found["sentence"] == "Still under way: steps appear as they finish."


def test_a_wrong_replay_is_refused_with_field_and_mend(api: Api, source: int) -> None:
    def refused(status: int = 422, /, **body: object) -> dict[str, str]:
        return api.refused("POST", f"/executions/{source}/replays", status, json=body)

    assert refused(settings={"symbols": ["MSFT"]})["field"] == "symbols"
    assert refused(from_step="form_veiw")["field"] == "from_step"
    assert refused(prompt_texts={"chart": "{{ nothing }}"})["field"] == "prompts.chart"
    refused(unknown=1)
    api.refused("POST", "/executions/4711/replays", 404)
    api.refused("GET", "/executions/4711/replays", 404)
    api.refused("GET", "/executions/compare", 404, params={"a": source, "b": 4711})
    api.refused("GET", "/executions/compare", 422, params={"a": source})


@pytest.mark.parametrize(
    "body",
    [
        r'{"prompt_texts": {"chart": "\ud800"}}',
        r'{"prompt_texts": {"\ud800": "x"}}',
        r'{"settings": {"\ud800": 1}}',
        r'{"settings": {"analysis.model": "\ud800"}}',
        '{"settings": {"risk.max_quantity": 1%s}}' % ("0" * 400),
        '{"settings": {"risk.max_quantity": "NaN"}}',
        '{"settings": {"": 1}}',
        '{"settings": {"%s": 1}}' % ("a." * 5000),
        '{"settings": {"charts.0": null}}',
        '{"settings": {"signal": {}}}',
        '{"settings": {"prompts.chart": {"x": 1}}}',
    ],
)
def test_what_no_setting_can_be_is_refused_and_nothing_breaks(
    api: Api, source: int, body: str
) -> None:
    headers = {"Content-Type": "application/json", **api.headers}
    path = f"/api/executions/{source}/replays"
    response = api.http.post(path, headers=headers, content=body)
    assert response.status_code == 422, response.text


def test_to_replay_needs_the_scope_operate(api: Api, source: int) -> None:
    reader = Api(api.http, new_key("reader", "read"))
    reader.refused("POST", f"/executions/{source}/replays", 403)
    reader.get("/executions/compare", a=source, b=source)
