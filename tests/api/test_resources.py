"""What the API does when all is well, on the whole engine."""

from typing import Any

import pytest

from backend.core.database import transaction
from backend.core.hashing import sha256_hex
from backend.executions.models import Execution, LineageRecord
from tests.support.live_engine import Engine, definition, example
from tests.support.web_client import Api


def created(api: Api, **changes: Any) -> int:
    strategy_id: int = api.post("/strategies", definition(**changes), expect=201)["id"]
    return strategy_id


def started(api: Api, strategy_id: int, body: Any = None) -> list[int]:
    answer = api.post(f"/strategies/{strategy_id}/executions", body, expect=202)
    ids: list[int] = answer["execution_ids"]
    return ids


def test_a_strategy_is_made_read_changed_switched_on_and_archived(api: Api) -> None:
    strategy_id = created(api)
    assert [each["name"] for each in api.get("/strategies")] == ["Always long"]
    shown = api.get(f"/strategies/{strategy_id}")
    assert (shown["is_enabled"], shown["version_number"]) == (False, 1)
    assert shown["definition"]["signal"]["long_when"] == "close > 0"

    changed = api.put(f"/strategies/{strategy_id}", definition(description="Better"))
    assert changed["version_number"] == 2
    assert api.put(f"/strategies/{strategy_id}", definition(description="Better")) == changed
    versions = api.get(f"/strategies/{strategy_id}/versions")
    assert [each["number"] for each in versions] == [1, 2]
    assert versions[1]["created_by"] == "key:everything"
    first = api.get(f"/strategies/{strategy_id}/versions/1")
    assert first["definition"]["description"] == ""
    api.refused("GET", f"/strategies/{strategy_id}/versions/3", 404)

    assert api.put(f"/strategies/{strategy_id}/enabled", {"is_enabled": True})["is_enabled"]
    api.refused("PUT", f"/strategies/{strategy_id}/enabled", 422, json={"is_enabled": "yes"})
    api.ask("DELETE", f"/strategies/{strategy_id}", expect=204)
    assert api.get("/strategies") == []
    api.refused("GET", f"/strategies/{strategy_id}", 404)


def test_a_strategy_may_be_made_with_its_schedule_running(api: Api) -> None:
    made = api.ask(
        "POST", "/strategies", expect=201, json=definition(), params={"is_enabled": True}
    )
    assert made["is_enabled"]
    assert made["next_due_at"].startswith("2026-11-23T20:30:00")


def test_a_name_in_use_is_a_conflict_and_a_bad_rule_names_its_field(api: Api) -> None:
    created(api)
    assert api.refused("POST", "/strategies", 409, json=definition())["field"] == "name"
    error = api.refused("POST", "/strategies", 422, json=definition(signal__long_when="x > 1"))
    assert (error["code"], error["field"]) == ("invalid_rule", "signal.long_when")


def test_an_execution_is_started_run_and_read_back_whole(api: Api, engine: Engine) -> None:
    strategy_id = created(api)
    [execution_id] = started(api, strategy_id)
    waiting = api.get(f"/executions/{execution_id}")
    assert (waiting["status"], waiting["outcome"], waiting["trigger"]) == ("queued", None, "api")
    assert waiting["requested_by"] == "key:everything"
    error = api.refused("POST", f"/strategies/{strategy_id}/executions", 409)
    assert error["code"] in ("already_running", "conflict")

    engine.executor.run(execution_id)
    done = api.get(f"/executions/{execution_id}")
    assert (done["status"], done["outcome"], done["record_count"]) == ("finished", "observed", 13)
    records = api.get(f"/executions/{execution_id}/lineage")
    assert [each["sequence"] for each in records] == list(range(13))
    assert [each["outcome"] for each in records if each["outcome"]] == ["observed"]
    report = api.get(f"/executions/{execution_id}/verify")
    assert (report["is_intact"], report["records"]) == (True, 13)


def test_verify_over_the_api_turns_red_and_names_the_record(api: Api, engine: Engine) -> None:
    [execution_id] = started(api, created(api))
    engine.executor.run(execution_id)
    with transaction() as session:
        record = session.query(LineageRecord).filter_by(sequence=4).one()
        record.notes = [{"note": "nothing to see"}]
    report = api.get(f"/executions/{execution_id}/verify")
    assert not report["is_intact"]
    assert report["sentence"].startswith("Broken. Record 4 (snapshot_account): its content")
    assert report["breaks"][0]["sequence"] == 4


def test_some_of_a_strategys_symbols_can_be_started(api: Api) -> None:
    strategy_id = created(api, symbols=["AAPL", "MSFT"])
    assert len(started(api, strategy_id, {"symbols": ["MSFT"]})) == 1
    error = api.refused(
        "POST", f"/strategies/{strategy_id}/executions", 422, json={"symbols": ["MSTF"]}
    )
    assert "Did you mean 'MSFT'" in error["message"]
    api.refused("POST", "/strategies/4711/executions", 404)


@pytest.fixture
def many(api: Api, engine: Engine) -> int:
    """Seven executions: AAPL observed and held, five of MSFT waiting in turn."""
    for rule in ("close > 0", "close < 0"):
        [execution_id] = started(api, created(api, name=rule, signal__long_when=rule))
        engine.executor.run(execution_id)
    for number in range(5):
        started(api, created(api, name=f"waiting {number}", symbols=["MSFT"]))
    return 7


def ids(page: dict[str, Any]) -> list[int]:
    return [each["id"] for each in page["executions"]]


def test_pages_of_executions_follow_each_other_without_gap_or_overlap(api: Api, many: int) -> None:
    everything = ids(api.get("/executions"))
    assert everything == sorted(everything, reverse=True)
    assert len(everything) == many
    walked, before = [], None
    while True:
        page = api.get("/executions", limit=3, **({"before": before} if before else {}))
        walked += ids(page)
        before = page["next_before"]
        if before is None:
            break
    assert walked == everything


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"symbol": "MSFT"}, 5),
        ({"status": "queued"}, 5),
        ({"outcome": "held"}, 1),
        ({"outcome": "observed", "symbol": "AAPL"}, 1),
        ({"outcome": "observed", "symbol": "MSFT"}, 0),
        ({"reason_code": "rules_silent"}, 1),
        ({"trigger": "cron"}, 0),
        ({"since": "2026-11-20T00:00:00Z"}, 7),
        ({"since": "2026-11-21T00:00:00Z"}, 0),
        ({"strategy_id": 1}, 1),
    ],
)
def test_filters_narrow_the_list(api: Api, many: int, filters: dict[str, Any], count: int) -> None:
    assert len(ids(api.get("/executions", **filters))) == count


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 501},
        {"outcome": "won"},
        {"status": "done"},
        {"since": "yesterday"},
        {"since": "2026-11-20T00:00:00"},
        {"before": 2**63},
        {"strategy_id": "x"},
        {"symbol": "A" * 65},
    ],
)
def test_a_filter_that_makes_no_sense_is_refused_and_named(api: Api, wrong: dict[str, Any]) -> None:
    [name] = wrong
    assert api.refused("GET", "/executions", 422, params=wrong)["field"] == name


def test_recent_records_and_statistics_count_what_happened(api: Api, many: int) -> None:
    recent = api.get("/lineage/recent", step="generate_signal", limit=10)
    assert [each["status"] for each in recent] == ["ended", "finished"]
    assert len(api.get("/lineage/recent", reason_code="rules_silent", limit=500)) >= 4
    assert api.get("/lineage/recent", status="failed") == []
    told = api.get("/lineage/statistics", days=7)
    counted = {(each["step"], each["status"]): each["records"] for each in told["steps"]}
    assert counted["preflight", "finished"] == 2
    assert counted["generate_signal", "ended"] == 1
    outcomes = {each["outcome"]: each["executions"] for each in told["outcomes"]}
    assert outcomes == {"observed": 1, "held": 1}
    api.refused("GET", "/lineage/statistics", 422, params={"days": 0})


def test_an_artifact_is_served_with_its_own_type_and_for_good(api: Api, engine: Engine) -> None:
    [execution_id] = started(api, created(api))
    engine.executor.run(execution_id)
    records = api.get(f"/executions/{execution_id}/lineage")
    [figure] = [a for each in records for a in each["artifacts"] if "plotly" in a["name"]]
    for path in (f"/api/artifacts/{figure['sha256']}", f"/artifacts/{figure['sha256']}"):
        response = api.http.get(path, headers=api.headers)
        assert sha256_hex(response.content) == figure["sha256"]
        assert response.headers["content-type"] == "application/vnd.plotly.v1+json"
        assert "immutable" in response.headers["cache-control"]
    api.refused("GET", "/artifacts/not-a-hash", 422)


def test_symbols_are_searched_resolved_in_batches_and_counted(api: Api) -> None:
    assert "AAPL" in [each["symbol"] for each in api.get("/symbols/search", query="aapl")]
    found = api.post("/symbols/batch", {"symbols": ["AAPL", "MSFT", "APPL"]})
    assert found["AAPL"]["contract"]["currency"] == "USD"
    assert found["MSFT"]["error"] is None
    assert found["APPL"]["contract"] is None
    assert "Did you mean 'AAPL'" in found["APPL"]["error"]
    assert api.get("/symbols/cache/stats")["contracts"] == 2
    api.refused("GET", "/symbols/search", 422)
    api.refused("POST", "/symbols/batch", 422, json={"symbols": []})
    api.refused("POST", "/symbols/batch", 422, json={"symbols": ["A" * 21]})
    api.refused("POST", "/symbols/batch", 422, json={"symbols": "AAPL"})


def test_stored_bars_are_listed_by_series(api: Api, engine: Engine) -> None:
    assert api.get("/bars/coverage") == []
    engine.executor.run(started(api, created(api))[0])
    assert len(api.get("/bars/coverage")) == 1


def test_a_gateway_that_is_away_is_said_so_with_503(api: Api, engine: Engine) -> None:
    engine.gateway.control.session("logged_out")
    error = api.refused("GET", "/symbols/search", 503, params={"query": "AAPL"})
    assert error["code"] == "logged_out"


def test_a_label_of_a_prompt_is_moved_and_taken_off(api: Api) -> None:
    assert api.get("/prompts/chart")["labels"] == {"production": 1}
    api.post("/prompts/chart/versions", {"template": "Second {{ symbol }}."}, expect=201)
    assert api.get("/prompts/chart")["labels"] == {"production": 1}
    assert api.put("/prompts/chart/labels/trial", {"version": 2})["labels"] == {
        "production": 1,
        "trial": 2,
    }
    assert api.put("/prompts/chart/labels/production", {"version": 2})["labels"]["production"] == 2
    api.ask("DELETE", "/prompts/chart/labels/trial", expect=204)
    assert api.get("/prompts/chart")["labels"] == {"production": 2}
    api.refused("DELETE", "/prompts/chart/labels/production", 409)
    error = api.refused("PUT", "/prompts/chart/labels/production", 404, json={"version": 9})
    assert "the newest is 2" in error["message"]
    api.refused("PUT", "/prompts/chart/labels/canary", 422, json={"version": 1})
    api.refused("PUT", "/prompts/chart/labels/trial", 422, json={"version": 0})


def test_prompts_are_listed_made_and_versioned(api: Api) -> None:
    assert {each["kind"] for each in api.get("/prompts")} == {"system", "chart", "view"}
    new = {"name": "my-chart", "kind": "chart", "template": "Judge {{ symbol }}."}
    assert api.post("/prompts", new, expect=201)["versions"][0]["number"] == 1
    api.refused("POST", "/prompts", 409, json=new)
    second = {"template": "Look at {{ symbol }}."}
    assert api.post("/prompts/my-chart/versions", second, expect=201)["number"] == 2
    assert len(api.get("/prompts/my-chart")["versions"]) == 2
    error = api.refused("POST", "/prompts/my-chart/versions", 422, json={"template": "{{ symbl }}"})
    assert error["field"] == "template"
    assert "Did you mean 'symbol'" in error["message"]
    assert "Did you mean 'chart'" in api.refused("GET", "/prompts/chrt", 404)["message"]
    api.refused("POST", "/prompts", 422, json={**new, "name": "My Chart"})
    api.refused("POST", "/prompts", 422, json={**new, "kind": "poem"})


def test_a_schedule_is_explained_with_its_next_five_due_times(api: Api) -> None:
    shown = api.post("/schedules/preview", example()["schedule"])
    assert len(shown["next_due"]) == 5
    # Thanksgiving, 26 November, has no session; the Friday after it closes early, at 18:00 UTC.
    assert shown["next_due"][0].startswith("2026-11-23T20:30:00")
    assert shown["next_due"][3].startswith("2026-11-27T17:30:00")
    assert shown["explanation"].endswith(".")
    error = api.refused("POST", "/schedules/preview", 422, json={"when": "61 * * * *"})
    assert "when" in error["message"]
    error = api.refused(
        "POST", "/schedules/preview", 422, json={"when": "0 9 * * *", "timezone": "Mars"}
    )
    assert error["field"] == "timezone"


def test_money_is_given_as_text_so_that_no_reader_rounds_it(api: Api) -> None:
    [execution_id] = started(api, created(api))
    with transaction() as session:
        session.get_one(Execution, execution_id).cost_usd += 1
    assert api.get(f"/executions/{execution_id}")["cost_usd"] == "1.00000000"
