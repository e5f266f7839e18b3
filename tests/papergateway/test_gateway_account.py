"""The untouched paper account, with its cold reads and its fake 401."""

import httpx
import pytest

from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway

CASH = 1_000_000.0


def test_nothing_is_read_before_the_account_lists(client: httpx.Client) -> None:
    for path in (
        f"portfolio/{ACCOUNT}/summary",
        "iserver/account/orders",
        "iserver/account/trades",
    ):
        answer = client.get(f"/{path}")
        assert answer.status_code == 400
        assert "query /accounts first" in answer.json()["error"]


def test_an_account_of_somebody_else_is_a_401_although_the_session_is_fine(
    primed: httpx.Client,
) -> None:
    for page in ("summary", "ledger", "meta", "positions/0", "allocation"):
        answer = primed.get(f"/portfolio/DU9999999/{page}")
        assert (answer.status_code, answer.content) == (401, b"")
    assert primed.get("/iserver/account/DU9999999/summary").status_code == 400
    assert primed.get("/portfolio2/DU9999999/positions").status_code == 401


def test_the_account_says_that_it_is_of_paper(primed: httpx.Client) -> None:
    (account,) = primed.get("/portfolio/accounts").json()
    assert (account["id"], account["type"], account["currency"]) == (ACCOUNT, "DEMO", "USD")
    assert "simulated" in account["displayName"]
    assert primed.get(f"/portfolio/{ACCOUNT}/meta").json() == account
    assert primed.get("/portfolio/subaccounts").json() == [account]
    assert primed.get("/portfolio/subaccounts2").json()["subaccounts"] == [account]
    assert primed.get("/iserver/accounts").json()["isPaper"] is True


def test_the_summary_has_the_recorded_keys(primed: httpx.Client) -> None:
    summary = primed.get(f"/portfolio/{ACCOUNT}/summary").json()
    assert 115 <= len(summary) <= 150
    assert "settledcash" not in summary
    entry = summary["netliquidation"]
    assert entry.keys() == {"amount", "currency", "isNull", "timestamp", "value", "severity"}
    assert (entry["amount"], entry["currency"], entry["value"]) == (CASH, "USD", None)
    text = summary["accountcode"]
    assert (text["amount"], text["currency"], text["value"]) == (0.0, None, ACCOUNT)
    amounts = [summary[f"availablefunds{suffix}"]["amount"] for suffix in ("", "-s", "-c", "-p")]
    assert amounts == [CASH, CASH, 0.0, 0.0]


def test_the_ledger_has_the_currency_and_base(primed: httpx.Client) -> None:
    ledger = primed.get(f"/portfolio/{ACCOUNT}/ledger").json()
    assert ledger.keys() == {"USD", "BASE"}
    for currency, row in ledger.items():
        assert (row["cashbalance"], row["settledcash"], row["secondkey"]) == (CASH, CASH, currency)
        assert row["timestamp"] < 10_000_000_000  # seconds, where the summary has milliseconds


def test_nothing_is_held(primed: httpx.Client) -> None:
    for path in ("positions/0", "positions/7", "position/265598", "combo/positions"):
        assert primed.get(f"/portfolio/{ACCOUNT}/{path}").json() == []
    assert primed.get(f"/portfolio2/{ACCOUNT}/positions").json() == []
    assert primed.get("/portfolio/positions/265598").json() == {}
    invalidated = primed.post(f"/portfolio/{ACCOUNT}/positions/invalidate")
    assert invalidated.json() == {"message": "success"}
    allocation = primed.post("/portfolio/allocation", json={"acctIds": [ACCOUNT]}).json()
    assert allocation["assetClass"]["long"] == {"CASH": CASH}


def test_profit_and_loss_is_cold_at_first_and_again_after_a_reset_of_the_session(
    gateway: RunningGateway, primed: httpx.Client
) -> None:
    path = "/iserver/account/pnl/partitioned"
    assert primed.get(path).json() == {"upnl": {}}
    assert primed.get(path).json()["upnl"][f"{ACCOUNT}.Core"]["nl"] == CASH
    gateway.control.happen("session_id")
    assert primed.get(path).json() == {"upnl": {}}


def test_live_orders_are_cold_at_first_and_after_force(primed: httpx.Client) -> None:
    def is_warm(**query: str) -> bool:
        found = primed.get("/iserver/account/orders", params=query).json()
        assert found["orders"] == []
        return bool(found["snapshot"])

    assert [is_warm(), is_warm(), is_warm(force="true"), is_warm()] == [False, True, False, True]


def test_trades_look_back_seven_days_at_most(primed: httpx.Client) -> None:
    assert primed.get("/iserver/account/trades/", params={"days": "7"}).json() == []
    assert primed.get("/iserver/account/trades", params={"days": "8"}).status_code == 400
    assert primed.get("/iserver/account/order/status/1").status_code == 400


def test_accounts_can_be_selected(primed: httpx.Client) -> None:
    def select(**body: str) -> httpx.Response:
        return primed.post("/iserver/account", json=body)

    assert select(acctId=ACCOUNT).json() == {"success": "Account already set"}
    unknown = select(acctId="U1")
    assert (unknown.status_code, unknown.json()) == (500, {"error": "Invalid account ID"})
    assert select().status_code == 400


def test_segments_are_strings_with_separators(primed: httpx.Client) -> None:
    page = primed.get(f"/iserver/account/{ACCOUNT}/summary/available_funds").json()
    assert page["total"]["current_available"] == "1,000,000 USD"
    assert page["commodities"]["current_available"] == "0 USD"
    summary = primed.get(f"/iserver/account/{ACCOUNT}/summary").json()
    assert summary["netLiquidationValue"] == CASH


@pytest.mark.parametrize("page", ["nonsense", "x/y"])
def test_unknown_pages_are_html(primed: httpx.Client, page: str) -> None:
    answer = primed.get(f"/iserver/account/{ACCOUNT}/summary/{page}")
    assert (answer.status_code, answer.headers["content-type"][:9]) == (404, "text/html")
