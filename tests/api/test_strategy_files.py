"""Definitions over the API: checked, out as files and in again, copied, compared, brought back."""

from typing import Any

import pytest

from backend.strategies import yaml_text
from tests.support.live_engine import Engine, definition, example
from tests.support.web_client import Api


def saved(api: Api, **changes: Any) -> Any:
    return api.post("/strategies", definition(**changes), expect=201)


def test_what_is_exported_is_imported_as_the_same(api: Api) -> None:
    first = api.post("/strategies", example(), expect=201)
    exported = api.http.get(f"/api/strategies/{first['id']}/export", headers=api.headers)
    assert exported.headers["content-type"].startswith("application/yaml")
    text = exported.text.replace(first["name"], "Another")
    second = api.ask("POST", "/strategies/import", expect=201, content=text)
    assert second["name"] == "Another"
    assert not second["is_enabled"]
    assert {**second["definition"], "name": ""} == {**first["definition"], "name": ""}


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"name: [", 422, "Line 1"),
        (b"\xff\xfe", 422, "UTF-8"),
        (b"", 422, "dictionary"),
        (b"name: x", 422, "symbols"),
    ],
)
def test_a_file_that_is_no_strategy_is_refused(
    api: Api, content: bytes, status: int, said: str
) -> None:
    error = api.refused("POST", "/strategies/import", status, content=content)
    assert said in error["message"]
    assert api.get("/strategies") == []


def test_the_check_tells_all_problems(api: Api) -> None:
    assert api.post("/strategies/check", definition()) == {"problems": []}
    wrong = definition(name="", risk__risk_per_trade=2, signal__long_when="clos > 1")
    found = api.post("/strategies/check", wrong)["problems"]
    assert {each["field"] for each in found} == {
        "name",
        "risk.risk_per_trade",
        "signal.long_when",
    }
    assert api.post("/strategies/check", [])["problems"][0]["field"] == ""


def test_versions_are_compared_and_brought_back(api: Api) -> None:
    first = saved(api)
    path = f"/strategies/{first['id']}"
    assert api.get(f"{path}/diff") == {"a": 1, "b": 1, "changes": []}
    api.put(path, definition(risk__max_quantity=5))
    assert api.get(f"{path}/diff") == {
        "a": 1,
        "b": 2,
        "changes": [{"path": "risk.max_quantity", "before": None, "after": "5"}],
    }
    restored = api.post(f"{path}/versions/1/restore")
    assert (restored["number"], restored["definition"]["risk"]["max_quantity"]) == (3, None)
    api.refused("POST", f"{path}/versions/9/restore", 404)
    api.refused("GET", f"{path}/diff?a=9", 404)
    exported = api.http.get(f"/api{path}/export?version=2", headers=api.headers).text
    assert yaml_text.read(exported)["risk"]["max_quantity"] == 5


def test_a_copy_gets_the_next_free_name(api: Api) -> None:
    first = saved(api, name="Trend 2")
    copied = api.post(f"/strategies/{first['id']}/duplicate", expect=201)
    assert copied["name"] == "Trend 3"
    assert copied["version_number"] == 1


def test_a_change_of_a_version_that_is_not_the_newest_is_a_conflict(api: Api) -> None:
    path = f"/strategies/{saved(api)['id']}"
    api.put(f"{path}?based_on=1", definition(risk__max_quantity=5))
    changed = definition(risk__max_quantity=6)
    error = api.refused("PUT", f"{path}?based_on=1", 409, json=changed)
    assert error["code"] == "newer_version"
    assert api.put(path, changed)["version_number"] == 3


def test_two_series_of_one_name_are_told_with_their_chart(api: Api, engine: Engine) -> None:
    charts = [{"timeframe": "1d", "indicators": ["atr_14", "sma_20", "sma_20"]}]
    error = api.refused("POST", "/strategies", 422, json=definition(charts=charts))
    assert error["field"] == "charts.0.indicators"
