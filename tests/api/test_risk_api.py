"""Limits above the strategies and the kill switch over REST."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.database import transaction
from backend.portfolio import equity
from backend.web import audit
from backend.web.audit import AuditRow, Filters
from backend.workflow.outcome import Outcome
from tests.support.live_engine import Engine, definition
from tests.support.web_client import Api, new_key


@pytest.fixture
def trader(api: Api, http: TestClient) -> Api:
    return Api(http, new_key("hand", "read", "operate", "trade"))


@pytest.fixture
def account(engine: Engine) -> str:
    """One that was seen."""
    engine.tools.broker.ensure_session()
    [found] = engine.tools.broker.accounts()
    with transaction() as session:
        equity.record(session, engine.tools.broker.account_snapshot(found.id), is_simulated=True)
    return found.id


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def audited(action: str) -> list[AuditRow]:
    with transaction() as session:
        return audit.find(session, Filters(action=action))


def test_limits_are_set_read_and_put_in_force(trader: Api, account: str, engine: Engine) -> None:
    nothing = trader.get("/risk/limits")
    assert nothing == {
        "everything": {
            "account": "",
            "version": 0,
            "limits": {},
            "changed_at": None,
            "changed_by": None,
        },
        "accounts": [],
    }
    trader.put("/risk/limits/everything", {"limits": {"max_quantity": 9}, "based_on": 0})
    saved = trader.put(f"/risk/limits/accounts/{account}", {"limits": {"max_quantity": "4"}})
    assert (saved["version"], saved["changed_by"], saved["limits"]) == (
        1,
        "key:hand",
        {"max_quantity": "4"},
    )
    found = trader.get("/risk/limits")
    assert found["everything"]["limits"] == {"max_quantity": "9"}
    assert [each["account"] for each in found["accounts"]] == [account]
    _, records = engine.run()
    output = next(each.output for each in records if each.step == "size_and_check_risk")
    assert output is not None
    assert output["order_plan"]["quantity"] == "4"
    newest, first = audited("limits.changed")
    assert (newest.actor, newest.subject) == ("key:hand", f"account {account}")
    assert (first.before, first.after) == ({}, {"max_quantity": "9"})


@pytest.mark.parametrize(
    ("body", "status", "field", "said"),
    [
        ({"limits": {"max_quantity": -1}}, 422, "max_quantity", "greater than 0"),
        ({"limits": {"max_quantitty": 1}}, 422, "max_quantitty", "Did you mean 'max_quantity'"),
        ({"limits": {}, "based_on": 3}, 409, "based_on", "Version 0 of these limits"),
        ({"limits": []}, 422, "limits", "dictionary"),
        ({}, 422, "limits", "required"),
    ],
)
def test_what_is_no_limit_is_refused_and_nothing_is_saved(
    trader: Api, body: dict[str, Any], status: int, field: str, said: str
) -> None:
    error = trader.refused("PUT", "/risk/limits/everything", status, json=body)
    assert said in error["message"]
    assert (error["field"] or "").endswith(field)
    assert trader.get("/risk/limits")["everything"]["version"] == 0


def test_limits_for_an_account_that_nobody_has_seen_protect_nothing(
    trader: Api, account: str
) -> None:
    wrong = account[:-1] + "9"
    error = trader.refused("PUT", f"/risk/limits/accounts/{wrong}", 404, json={"limits": {}})
    assert f"Did you mean {account!r}" in error["message"]


def test_only_a_key_that_may_let_orders_out_changes_limits_or_releases(api: Api) -> None:
    for method, path, body in (
        ("PUT", "/risk/limits/everything", {"limits": {}}),
        ("PUT", "/risk/limits/accounts/DU1", {"limits": {}}),
        ("POST", "/risk/halts/release", {"confirmation": "release everything"}),
    ):
        error = api.refused(method, path, 403, json=body)
        assert "lacks the scope 'trade'" in error["message"]
    # To stop needs less than to let go.
    assert api.post("/risk/halts", {"reason": "odd fills"}, expect=201)["by"] == "key:everything"


def test_the_switch_stops_executions_until_somebody_types_what_for(
    trader: Api, engine: Engine, account: str
) -> None:
    strategy = engine.save(definition())
    trader.post("/risk/halts", {"reason": "odd fills"}, expect=201)
    trader.post("/risk/halts", {"account": account}, expect=201)
    trader.post("/risk/halts", {"strategy_id": strategy.id}, expect=201)
    assert [each["scope"] for each in trader.get("/risk/halts")["halts"]] == [
        "all",
        "account",
        "strategy",
    ]
    stronger = trader.post("/risk/halts", {"meaning": "cancel", "account": account}, expect=201)
    assert (stronger["meaning"], stronger["reason"]) == ("cancel", "")
    error = trader.refused("POST", "/risk/halts", 422, json={"meaning": "panic"})
    assert "flatten" in error["message"]
    error = trader.refused("POST", "/risk/halts", 409, json={"reason": "again"})
    assert error["code"] == "halted_already"
    assert engine.run(definition(name="Other"))[0].outcome is Outcome.SKIPPED
    error = trader.refused("POST", "/risk/halts/release", 422, json={"confirmation": "yes"})
    assert "type 'release everything'" in error["message"]
    for body in (
        {"confirmation": "release everything"},
        {"account": account, "confirmation": f"release account {account}"},
    ):
        trader.post("/risk/halts/release", body)
    assert engine.run(definition(name="Third"))[0].outcome is Outcome.OBSERVED
    [left] = trader.get("/risk/halts")["halts"]
    assert (left["scope"], left["target"]) == ("strategy", str(strategy.id))
    assert [row.subject for row in audited("halt.released")] == [f"account {account}", "everything"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"account": "DU404"}, 404, "No account 'DU404' was ever seen"),
        ({"strategy_id": 404}, 404, "There is no strategy 404"),
        ({"account": "DU1", "strategy_id": 1}, 422, "not both"),
        ({"reason": "x" * 501}, 422, "at most 500"),
        ({"accont": "DU1"}, 422, "permitted"),
    ],
)
def test_a_switch_for_nothing_is_refused(
    trader: Api, body: dict[str, Any], status: int, said: str
) -> None:
    assert said in trader.refused("POST", "/risk/halts", status, json=body)["message"]
    assert trader.get("/risk/halts") == {"halts": []}


def test_the_file_is_told_among_the_switches(trader: Api, folder: Path) -> None:
    (folder / "HALT").write_text("by hand")
    [halt] = trader.get("/risk/halts")["halts"]
    assert (halt["scope"], halt["reason"]) == ("all", "by hand")
    error = trader.refused(
        "POST", "/risk/halts/release", 404, json={"confirmation": "release everything"}
    )
    assert "Nothing is halted for everything" in error["message"]


def test_how_much_of_each_limit_is_used_and_what_was_refused(
    trader: Api, account: str, engine: Engine
) -> None:
    trader.put("/risk/limits/everything", {"limits": {"max_orders_per_day": 4}})
    trader.put(f"/risk/limits/accounts/{account}", {"limits": {"allowed_symbols": ["MSFT"]}})
    engine.run(definition())
    engine.run(definition(name="Two", symbols=["MSFT"]))
    usage = trader.get("/risk/usage")
    assert usage["orders_today"] == 1
    [seen] = usage["accounts"]
    assert (seen["account"], seen["is_simulated"]) == (account, True)
    everything, of_account = usage["levels"]
    [row] = everything["limits"]
    assert (row["name"], row["used"], row["limit"], row["share"]) == (
        *("max_orders_per_day", "1", "4", "0.25"),
    )
    [row] = of_account["limits"]
    assert (row["allowed"], row["used"]) == ("MSFT", None)
    [refusal] = trader.get("/risk/refusals")["refusals"]
    assert (refusal["code"], refusal["count"], refusal["newest"]) == ("allowed_symbols", 1, 1)
