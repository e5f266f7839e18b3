"""The risk page: kill switch, limits with what is used of them, refusals, changes."""

import re
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from backend.core.database import transaction
from backend.portfolio import equity, halt_progress, halts, limits
from backend.portfolio.halt_progress import CancelledOrder, Work
from backend.risk import limits_text, switches
from tests.support.held_trades import closing_of, open_trip
from tests.support.live_engine import Engine, definition
from tests.support.web_client import text_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


@pytest.fixture
def account(engine: Engine) -> str:
    """One that was seen at a peak, and 5 % below it."""
    engine.tools.broker.ensure_session()
    [found] = engine.tools.broker.accounts()
    snapshot = engine.tools.broker.account_snapshot(found.id)
    peak = replace(snapshot, equity=snapshot.equity / Decimal("0.95"))
    with transaction() as session:
        equity.record(session, peak, is_simulated=True)
    engine.advance(seconds=1)
    later = replace(snapshot, taken_at=engine.clock.now(), day_pnl=Decimal(-450))
    with transaction() as session:
        equity.record(session, later, is_simulated=True)
    return found.id


def set_limits(engine: Engine, document: Any, account: str = "") -> None:
    with transaction() as session:
        limits.save(
            session,
            engine.clock,
            account=account,
            limits=limits.checked(document),
            actor="person:ann",
        )


def in_force(account: str = "") -> dict[str, Any]:
    with transaction() as session:
        return limits.read(session, account).model_dump(mode="json", exclude_none=True)


def pulled() -> list[tuple[str, str]]:
    with transaction() as session:
        return [(row.scope, row.target) for row in halts.in_force(session)]


def test_every_limit_has_a_name_for_people() -> None:
    assert set(limits_text.LABELS) == set(limits_text.fields())


def test_an_empty_house_says_what_is_missing(http: TestClient) -> None:
    page = text_of(http.get("/risk"))
    for said in (
        "Nothing is halted",
        "No account was looked at yet",
        "No limit is set here",
        "No limit refused anything",
        "Nobody changed a limit",
        "No strategies yet",
    ):
        assert said in page


def test_limits_show_with_what_is_used_of_them(
    http: TestClient, engine: Engine, account: str
) -> None:
    set_limits(engine, {"max_daily_loss": 500, "allowed_symbols": ["AAPL"]})
    set_limits(engine, {"max_drawdown": "0.2", "max_orders_per_day": 4}, account)
    engine.run(definition(risk={"forbid_short": True}))
    engine.run(definition(name="Two", symbols=["MSFT"]))
    page = text_of(http.get("/risk"))
    assert "450 of 500" in page
    assert "Loss of the day: 90 percent used" in page
    assert "5 % of 20 %" in page
    assert "1 of 4" in page
    assert f"Account {account}" in page
    assert "simulated" in page
    # The strategies' own, and what was refused.
    assert re.search(r"No selling short <strong[^>]*>yes</strong>", page)
    assert "/executions?reason_code=allowed_symbols" in page
    assert page.count("Limits changed") == 2


def test_everything_is_halted_with_a_button_and_released_by_typing(
    http: TestClient, engine: Engine
) -> None:
    answer = http.post("/risk/halt", data={"target": "all", "reason": "<script>odd</script>"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/risk")
    page = text_of(http.get("/risk"))
    assert "All trading is halted" in page
    assert "&lt;script&gt;odd" in page
    assert "<script>odd" not in page
    wrong = http.post("/risk/release", data={"scope": "all", "confirmation": "yes please"})
    assert wrong.status_code == 422
    assert 'value="yes please"' in wrong.text
    assert "type &#39;release everything&#39;" in wrong.text
    assert pulled() == [("all", "")]
    right = http.post("/risk/release", data={"scope": "all", "confirmation": "release everything"})
    assert right.status_code == 303
    assert pulled() == []
    assert "Nothing is halted" in text_of(http.get("/risk"))


def test_a_strategy_or_an_account_is_halted_alone_and_shown_by_its_name(
    http: TestClient, engine: Engine, account: str
) -> None:
    strategy = engine.save(definition())
    for target in (f"strategy:{strategy.id}", f"account:{account}"):
        assert http.post("/risk/halt", data={"target": target}).status_code == 303
    # A second time changes nothing, and says so.
    assert http.post("/risk/halt", data={"target": f"account:{account}"}).status_code == 303
    page = text_of(http.get("/risk"))
    assert "is halted already" in page
    assert f'href="/strategies/{strategy.id}">Always long</a>' in page
    assert pulled() == [("account", account), ("strategy", str(strategy.id))]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"target": "account:DU404"}, "No account &#39;DU404&#39; was ever seen"),
        ({"target": "strategy:404"}, "There is no strategy 404"),
        ({"target": "moon"}, "Choose what to halt"),
        ({"target": "all", "meaning": "panic"}, "Choose what it does: stop, cancel, flatten."),
        (
            {"target": "all", "meaning": "flatten", "sure": "yes", "reason": "x" * 501},
            "at most 500",
        ),
        ({"target": "all", "reason": "x" * 501}, "at most 500 characters"),
    ],
)
def test_a_halt_for_nothing_is_refused_beside_its_form(
    http: TestClient, form: dict[str, str], said: str
) -> None:
    answer = http.post("/risk/halt", data=form)
    assert answer.status_code == 422
    assert said in answer.text
    assert pulled() == []


def test_what_cancels_or_closes_is_shown_before_it_is_done(
    http: TestClient, engine: Engine, account: str
) -> None:
    engine.save(definition())
    trip = open_trip(account, symbol="<b>AAPL")
    asked = {"target": "all", "meaning": "flatten", "reason": "<i>odd"}
    answer = http.post("/risk/halt", data=asked)
    assert answer.status_code == 200
    page = text_of(answer)
    assert "Flatten everything?" in page
    assert "&lt;b&gt;AAPL</strong>: long 100, strategy Always long" in page
    assert "SELL 100 &lt;b&gt;AAPL STP" in page
    assert "&lt;i&gt;odd" in page
    assert pulled() == []
    asked["meaning"] = "cancel"
    assert "stays while its position is held" in text_of(http.post("/risk/halt", data=asked))
    assert http.post("/risk/halt", data={**asked, "sure": "yes"}).status_code == 303
    assert pulled() == [("all", "")]
    page = text_of(http.get("/risk"))
    assert "Waiting for the tracker" in page
    assert "Flatten too" in page
    assert trip


def test_how_far_a_switch_got_is_shown(http: TestClient, engine: Engine, account: str) -> None:
    trip = open_trip(account)
    now = engine.clock.now()
    with transaction() as session:
        row = halts.pull(
            session, engine.clock, scope="all", meaning="flatten", reason="", actor="cli"
        )
        session.flush()
        before = switches.mark(session)
        order = CancelledOrder(order_id="7", sentence="<b>SELL 100", asked_at=now)
        work = Work(cancelled=(order,), left=("AAPL: 100 held",), trouble=("<i>Look",))
        halt_progress.keep(session, row.id, account, now, work)
        session.add(closing_of(trip, row.id, "its orders are being cancelled"))
    page = text_of(http.get("/risk"))
    for said in (
        *("Needs you", "&lt;i&gt;Look", "AAPL: 100 held", "&lt;b&gt;SELL 100"),
        *("Orders cancelled: 0 of 1", "Positions closed: 0 of 1", "its orders are being cancelled"),
    ):
        assert said in page
    with transaction() as session:
        gone = order.model_copy(update={"gone_at": now, "became": "cancelled"})
        halt_progress.keep(session, row.id, account, now, Work(cancelled=(gone,)))
        assert switches.mark(session) != before
    page = text_of(http.get("/risk"))
    assert "Nothing is left" in page
    assert "Orders cancelled: 1 of 1" in page


def test_the_file_is_shown_with_the_command_that_takes_it_away(
    http: TestClient, folder: Path
) -> None:
    (folder / "HALT").write_text("by hand")
    page = text_of(http.get("/risk"))
    assert "HALT: by hand." in page
    assert "./glassbox release" in page


def test_every_page_says_what_is_halted(http: TestClient, engine: Engine, folder: Path) -> None:
    strategy = engine.save(definition())
    for path in ("/executions", f"/strategies/{strategy.id}", "/nothing/here"):
        assert "HALTED" not in http.get(path).text
    http.post("/risk/halt", data={"target": f"strategy:{strategy.id}", "reason": "odd fills"})
    http.post("/risk/halt", data={"target": "all", "reason": "odd fills"})
    for path in ("/executions", f"/strategies/{strategy.id}", "/nothing/here"):
        page = http.get(path).text
        assert "HALTED" in page
        assert "All trading is halted" in page
        assert ": odd fills. And 1 more." in page
    (folder / "HALT").write_text("by hand")
    assert "HALT: by hand." in http.get("/executions").text


def test_limits_are_changed_with_a_form_and_kept_when_they_are_wrong(
    http: TestClient, engine: Engine, account: str
) -> None:
    set_limits(engine, {"max_order_value": 10_000, "forbid_short": True})
    form = text_of(http.get("/risk/limits"))
    assert 'value="10000"' in form
    fields = {"based_on": "1", "max_order_value": "20000", "allowed_symbols": "aapl, msft"}
    wrong = http.post("/risk/limits", data=fields | {"max_leverage": "lots"})
    assert wrong.status_code == 422
    assert 'value="lots"' in wrong.text
    assert 'id="error-max_leverage"' in wrong.text
    assert in_force() == {"max_order_value": "10000", "forbid_short": True}
    assert http.post("/risk/limits", data=fields).status_code == 303
    assert in_force() == {"allowed_symbols": ["AAPL", "MSFT"], "max_order_value": "20000"}
    of_account = {"account": account, "based_on": "0", "max_drawdown": "0.1"}
    assert http.post("/risk/limits", data=of_account).status_code == 303
    assert in_force(account) == {"max_drawdown": "0.1"}


def test_limits_that_somebody_else_changed_meanwhile_are_not_written_over(
    http: TestClient, engine: Engine
) -> None:
    set_limits(engine, {"max_order_value": 10_000})
    answer = http.post("/risk/limits", data={"based_on": "0", "max_order_value": "99"})
    assert answer.status_code == 409
    assert "Version 1 of these limits was saved" in answer.text
    assert 'value="99"' in answer.text
    assert in_force() == {"max_order_value": "10000"}
    # The person has seen it now, and may insist.
    again = http.post("/risk/limits", data={"based_on": "1", "max_order_value": "99"})
    assert again.status_code == 303


def test_limits_of_an_account_that_was_never_seen_have_no_form(http: TestClient) -> None:
    assert http.get("/risk/limits?account=DU404").status_code == 404
    answer = http.post("/risk/limits", data={"account": "DU404", "based_on": "0"})
    assert answer.status_code == 404
    assert http.post("/risk/limits", data={"based_on": "x"}).status_code == 422


def test_the_lineage_shows_who_set_each_limit(http: TestClient, engine: Engine) -> None:
    set_limits(engine, {"max_quantity": 4})
    execution, records = engine.run()
    page = text_of(http.get(f"/executions/{execution.id}"))
    assert 'data-label="Set by">everything' in page
    assert 'data-label="Set by">the strategy' in page
    assert "more limits that nobody sets" in page
    # What the plan is worth, not what was asked for before the limits.
    found = records[10].output
    assert found is not None
    worth = 4 * Decimal(found["order_plan"]["entry"])
    assert re.search(rf"<dt>Worth</dt><dd>{worth:,.2f}".rstrip("0").rstrip("."), page)
