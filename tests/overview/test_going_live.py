"""The checklist from the simulated market to real money, and the words at its end."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions import gateway_states
from backend.overview import going_live
from backend.portfolio import live_trading
from tests.support.live_engine import Engine
from tests.support.real_money import PARTS, LiveBroker, account_of, try_everything, with_real_money
from tests.support.web_client import Api, new_key, text_of


@pytest.fixture
def account(engine: Engine, set_env: Callable[..., None]) -> str:
    account = account_of(engine)
    set_env(LIVE_TRADING_ACCOUNTS=account)
    return account


@pytest.fixture
def live(app: FastAPI, http: TestClient, engine: Engine, account: str) -> TestClient:
    """A browser at a web process whose gateway reports a live account."""
    app.state.tools = with_real_money(engine).tools
    return http


def confirm(http: TestClient, account: str, **changes: str) -> tuple[int, str]:
    form = {
        "account": account,
        "confirmation": live_trading.words(account),
        "has_read": "yes",
        **changes,
    }
    response = http.post("/go-live/confirm", data=form)
    return response.status_code, response.text


def is_confirmed(account: str) -> bool:
    with transaction() as session:
        return live_trading.in_force(session, account) is not None


def test_at_first_everything_is_open_and_no_order_can_move_money(http: TestClient) -> None:
    shown = text_of(http.get("/go-live"))
    for words in (
        "The simulated market",
        "An IBKR paper account",
        "A live account",
        "What the software cannot protect you from",
        "The first week",
        "no order can move real money",
        "It was never pulled and released.",
    ):
        assert words in shown
    assert "/go-live" in text_of(http.get("/"))


def test_the_items_say_what_was_tried(http: TestClient, engine: Engine) -> None:
    try_everything(engine)
    gateway_states.observe(engine.tools.broker, engine.clock)
    shown = text_of(http.get("/go-live"))
    for words in (
        "Closed trades: 1.",
        "Yes 0, no 1, without an answer 0.",
        "Pulled and released: stop.",
        "Test messages sent: 1.",
        "its prices are invented",
        "is simulated.",
    ):
        assert words in shown


@pytest.mark.parametrize("part", PARTS)
def test_each_part_that_was_not_tried_keeps_real_money_out(
    live: TestClient, engine: Engine, account: str, part: str
) -> None:
    try_everything(engine, but=part)
    with transaction() as session:
        assert going_live.missing(session, account) == [part]
    status, shown = confirm(live, account)
    assert status == 422
    assert f"The checklist still wants: {part}." in shown
    assert not is_confirmed(account)


def test_once_all_is_tried_the_typed_words_count_and_one_click_takes_them_back(
    live: TestClient, engine: Engine, account: str
) -> None:
    try_everything(engine)
    assert confirm(live, account)[0] == 303
    assert is_confirmed(account)
    shown = text_of(live.get("/go-live"))
    assert "Orders move real money" in shown
    assert "person:ann typed" in shown
    assert live.post("/go-live/withdraw", data={"account": account}).status_code == 303
    assert not is_confirmed(account)
    assert "Confirmed before" in text_of(live.get("/go-live"))
    assert live.post("/go-live/withdraw", data={"account": account}).status_code == 404


def test_wrong_words_stay_in_the_field_with_what_to_type(
    live: TestClient, engine: Engine, account: str
) -> None:
    try_everything(engine)
    status, shown = confirm(live, account, confirmation="<b>yes</b>")
    assert status == 422
    assert f"Type &#39;{live_trading.words(account)}&#39; to confirm." in shown
    assert "&lt;b&gt;yes&lt;/b&gt;" in shown
    status, shown = confirm(live, account, has_read="")
    assert status == 422
    assert "Say that you have read" in shown
    assert not is_confirmed(account)


def test_the_kind_of_account_is_the_gateway_s_word_alone(
    http: TestClient, engine: Engine, account: str
) -> None:
    try_everything(engine)
    status, shown = confirm(http, account)
    assert status == 422
    assert "as a paper account" in shown
    assert "reports no account" in confirm(http, "U0000000")[1]
    engine.gateway.control.session("logged_out")
    assert confirm(http, account)[0] >= 500
    assert not is_confirmed(account)


def test_programs_see_confirm_and_withdraw(live: TestClient, engine: Engine, account: str) -> None:
    try_everything(engine)
    api = Api(live, new_key("trader", "read", "operate", "trade"))
    told = api.get("/live-trading")
    assert [phase["name"] for phase in told["phases"]] == ["simulated", "paper", "live"]
    [listed] = told["accounts"]
    assert (listed["id"], listed["is_named"], listed["missing"]) == (account, True, [])
    words = {"confirmation": live_trading.words(account)}
    made = api.post(f"/live-trading/{account}/confirm", words, expect=201)
    assert made["confirmed_by"] == "key:trader"
    assert api.refused("POST", f"/live-trading/{account}/confirm", 409, json=words)
    assert api.post(f"/live-trading/{account}/withdraw")["withdrawn_by"] == "key:trader"
    wrong = {"confirmation": "yes"}
    error = api.refused("POST", f"/live-trading/{account}/confirm", 422, json=wrong)
    assert error["field"] == "confirmation"


def test_the_broker_of_these_tests_is_the_real_one_but_for_the_kind(engine: Engine) -> None:
    assert LiveBroker(engine.tools.broker).session().status == engine.tools.broker.session().status
