"""Positions, summary, ledger and profit after trades, with their caches."""

from decimal import Decimal
from typing import Any

import pytest

from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from tests.papergateway.trader import Trader

IBM = 8314


def page(trader: Trader, number: int = 0, **query: str) -> list[dict[str, Any]]:
    path = f"/portfolio/{ACCOUNT}/positions/{number}"
    found: list[dict[str, Any]] = trader.http.get(path, params=query).json()
    return found


def fresh(trader: Trader, **query: str) -> list[dict[str, Any]]:
    path = f"/portfolio2/{ACCOUNT}/positions"
    found: list[dict[str, Any]] = trader.http.get(path, params=query).json()
    return found


def test_the_first_read_is_sparse_and_the_second_complete(trader: Trader) -> None:
    trader.place(trader.ticket())
    (first,), (second,) = page(trader), page(trader)
    assert len(first) == 21
    assert first["strike"] == 0.0
    assert "ticker" not in first
    assert (second["ticker"], second["strike"], second["multiplier"]) == ("AAPL", "0", 0.0)
    assert second["isUS"] is True
    assert second["baseMktValue"] == pytest.approx(second["mktValue"])
    assert page(trader, 1) == []
    assert page(trader, 7) == []


def test_positions_are_stale_until_they_are_invalidated(
    trader: Trader, gateway: RunningGateway
) -> None:
    trader.place(trader.ticket())
    page(trader)
    assert page(trader)[0]["position"] == 100.0
    trader.place(trader.ticket(quantity=50))
    assert page(trader)[0]["position"] == 100.0
    assert fresh(trader)[0]["position"] == 150.0
    trader.http.post(f"/portfolio/{ACCOUNT}/positions/invalidate")
    assert page(trader)[0]["position"] == 150.0
    trader.place(trader.ticket(quantity=50))
    gateway.control.advance(30)
    assert page(trader)[0]["position"] == 200.0


def test_the_uncached_rows_have_their_conid_as_text(trader: Trader) -> None:
    trader.place(trader.ticket())
    trader.place(trader.ticket(conid=IBM, side="SELL", quantity=30))
    short, long = fresh(trader)
    assert (short["conid"], short["position"]) == (str(IBM), -30.0)
    assert (long["conid"], long["position"], long["assetClass"]) == ("265598", 100.0, "STK")
    assert short["marketValue"] < 0 < long["marketValue"]
    by_size = fresh(trader, sort="position", direction="d")
    assert [row["position"] for row in by_size] == [100.0, -30.0]


def test_a_position_can_be_read_by_its_contract(trader: Trader) -> None:
    trader.place(trader.ticket())
    (row,) = trader.http.get(f"/portfolio/{ACCOUNT}/position/265598").json()
    assert row["position"] == 100.0
    assert trader.http.get(f"/portfolio/{ACCOUNT}/position/{IBM}").json() == []
    everywhere = trader.http.get("/portfolio/positions/265598").json()
    assert everywhere[ACCOUNT][0]["position"] == 100.0


def test_costs_have_commissions_in_them_and_prices_have_not(trader: Trader) -> None:
    trader.place(trader.ticket())
    (trade,) = trader.gateway.control.books()["trades"]
    (row,) = fresh(trader)
    assert row["avgPrice"] == float(trade["price"])
    assert row["avgCost"] == pytest.approx(float(trade["price"]) + 0.01)
    profit = row["marketValue"] - 100 * row["avgCost"]
    assert row["unrealizedPnl"] == pytest.approx(profit)


def test_a_closed_position_lingers_for_the_day(trader: Trader, gateway: RunningGateway) -> None:
    trader.place(trader.ticket())
    trader.place(trader.ticket(side="SELL"))
    (row,) = fresh(trader)
    assert (row["position"], row["marketValue"], row["avgCost"]) == (0.0, 0.0, 0.0)
    assert row["realizedPnl"] < -2
    ledger = trader.http.get(f"/portfolio/{ACCOUNT}/ledger").json()["BASE"]
    assert ledger["realizedpnl"] == pytest.approx(row["realizedPnl"])
    assert ledger["cashbalance"] == pytest.approx(1_000_000 + row["realizedPnl"])
    gateway.control.run_at(100)
    gateway.control.advance(86_400)
    trader.http.get("/portfolio/accounts")
    assert fresh(trader) == []


def test_cash_is_settled_on_the_next_trading_day(trader: Trader, gateway: RunningGateway) -> None:
    trader.place(trader.ticket())
    ledger = trader.http.get(f"/portfolio/{ACCOUNT}/ledger").json()["USD"]
    assert ledger["settledcash"] == 1_000_000
    assert ledger["cashbalance"] < 990_000
    gateway.control.run_at(100)
    gateway.control.advance(86_400)
    trader.http.get("/portfolio/accounts")
    later = trader.http.get(f"/portfolio/{ACCOUNT}/ledger").json()["USD"]
    assert later["settledcash"] == later["cashbalance"] == ledger["cashbalance"]


def test_margin_and_buying_power_follow_the_positions(trader: Trader) -> None:
    trader.place(trader.ticket(quantity=1_000))
    trader.gateway.control.advance(60)
    summary = trader.http.get(f"/portfolio/{ACCOUNT}/summary").json()
    gross = summary["grosspositionvalue"]["amount"]
    assert gross == pytest.approx(1_000 * float(trader.last()), rel=0.001)
    assert summary["initmarginreq"]["amount"] == pytest.approx(gross * 0.25)
    assert summary["regtmargin"]["amount"] == pytest.approx(gross * 0.5)
    available = summary["availablefunds"]["amount"]
    assert summary["buyingpower"]["amount"] == pytest.approx(4 * available)
    assert summary["leverage-s"]["value"] == f"{gross / 1e6:.2f}"
    flat = trader.http.get(f"/iserver/account/{ACCOUNT}/summary").json()
    assert flat["availableFunds"] == pytest.approx(available, rel=0.001)
    page_ = trader.http.get(f"/iserver/account/{ACCOUNT}/summary/market_value").json()
    assert page_["total"]["stock"].endswith(" USD")
    assert page_["total"]["stock"] != "0 USD"


def test_short_sales_bring_cash_and_tie_up_a_third_of_it(trader: Trader) -> None:
    trader.place(trader.ticket(side="SELL", quantity=200))
    summary = trader.http.get(f"/portfolio/{ACCOUNT}/summary").json()
    assert summary["totalcashvalue"]["amount"] > 1_000_000
    value = summary["grosspositionvalue"]["amount"]
    assert summary["maintmarginreq"]["amount"] == pytest.approx(value * 0.3)
    allocation = trader.http.get(f"/portfolio/{ACCOUNT}/allocation").json()
    assert allocation["assetClass"]["short"]["STK"] == pytest.approx(-value, rel=0.001)
    assert allocation["sector"]["short"].keys() == {"Computers"}


def test_profit_of_the_day_begins_anew_each_day(trader: Trader, gateway: RunningGateway) -> None:
    trader.place(trader.ticket())
    gateway.control.advance(300)
    path = "/iserver/account/pnl/partitioned"
    trader.http.get(path)
    row = trader.http.get(path).json()["upnl"][f"{ACCOUNT}.Core"]
    assert row["dpl"] == pytest.approx(row["upl"])
    assert row["nl"] == pytest.approx(1_000_000 + row["dpl"])
    gateway.control.run_at(100)
    gateway.control.advance(86_400)
    trader.http.get("/iserver/accounts")
    trader.http.get(path)
    later = trader.http.get(path).json()["upnl"][f"{ACCOUNT}.Core"]
    assert later["nl"] == pytest.approx(1_000_000 + later["upl"])
    assert abs(later["dpl"] - later["upl"]) > 1


def test_the_tiered_plan_can_be_chosen(trader: Trader, gateway: RunningGateway) -> None:
    gateway.control.charge("tiered")
    trader.place(trader.ticket())
    gateway.control.advance(2)
    (trade,) = trader.trades()
    assert Decimal(trade["commission"]) == Decimal("0.67")
