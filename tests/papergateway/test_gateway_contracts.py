"""Contracts, quotes and schedules: strings, numbers and holidays as the real gateway has them."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import httpx
import pytest

from backend.papergateway import quotes
from backend.papergateway.running import RunningGateway

FIELDS = "31,55,70,71,82,83,84,85,86,87,88,6008,7051,7280,7293,7295,7296,7635,7741,7762"


def snapshot(client: httpx.Client, fields: str = FIELDS, conids: str = "265598") -> httpx.Response:
    query = {"conids": conids, "fields": fields}
    return client.get("/iserver/marketdata/snapshot", params=query)


def warm_row(gateway: RunningGateway, client: httpx.Client, fields: str) -> dict[str, object]:
    snapshot(client, fields)
    gateway.control.advance(1)
    row: dict[str, object] = snapshot(client, fields).json()[0]
    return row


def test_a_search_tells_conids_as_strings(client: httpx.Client) -> None:
    found = client.get("/iserver/secdef/search", params={"symbol": "aapl"}).json()
    assert [row["conid"] for row in found] == ["265598"]
    assert found[0]["companyHeader"] == "APPLE INC - NASDAQ"
    by_name = client.post("/iserver/secdef/search", json={"symbol": "micro", "name": True}).json()
    assert [row["symbol"] for row in by_name] == ["MSFT"]
    assert client.get("/iserver/secdef/search", params={"symbol": "ZZZZ"}).json() == []
    assert client.get("/iserver/secdef/search").status_code == 400


def test_stocks_have_one_listing_in_the_us_and_unknown_ones_none(client: httpx.Client) -> None:
    found = client.get("/trsrv/stocks", params={"symbols": "IBM,NOPE"}).json()
    assert found["NOPE"] == []
    contracts = [contract for row in found["IBM"] for contract in row["contracts"]]
    assert contracts == [{"conid": 8314, "exchange": "NYSE", "isUS": True}]


def test_contract_details_tell_conids_as_numbers(client: httpx.Client) -> None:
    info = client.get("/iserver/contract/8314/info").json()
    assert (info["con_id"], info["instrument_type"], info["currency"]) == (8314, "STK", "USD")
    rules = client.get("/iserver/contract/8314/info-and-rules").json()["rules"]
    assert rules == client.post("/iserver/contract/rules", json={"conid": "8314"}).json()
    assert rules["incrementRules"] == [{"lowerEdge": 0.0, "increment": 0.01}]
    assert client.get("/iserver/contract/1/info").status_code == 400
    assert client.get("/iserver/contract/1/algos").status_code == 503
    assert client.get("/iserver/secdef/info", params={"conid": "8314"}).json()[0]["conid"] == 8314


def test_definitions_come_for_many_and_are_204_for_none(client: httpx.Client) -> None:
    found = client.get("/trsrv/secdef", params={"conids": "8314,1,265598"}).json()["secdef"]
    assert [row["ticker"] for row in found] == ["IBM", "AAPL"]
    assert client.get("/trsrv/secdef", params={"conids": "1"}).status_code == 204
    assert client.get("/trsrv/secdef", params={"conids": "1," * 201}).status_code == 400


def test_a_snapshot_is_bare_at_first_and_new_fields_are_cold_again(primed: httpx.Client) -> None:
    bare = {"conid": 265598, "conidEx": "265598"}
    assert snapshot(primed, "31").json() == [bare]
    second = snapshot(primed, "31,84").json()[0]
    assert "31" in second
    assert "84" not in second
    assert "84" in snapshot(primed, "31,84").json()[0]
    assert snapshot(primed, "31", conids="1").json() == [{"conid": 1, "conidEx": "1"}]


def test_a_snapshot_has_limits(primed: httpx.Client) -> None:
    assert snapshot(primed, conids=",".join(["265598"] * 101)).status_code == 400
    assert snapshot(primed, ",".join(map(str, range(51)))).status_code == 400
    assert snapshot(primed, conids="AAPL").status_code == 400


def test_values_are_strings_that_agree_with_the_market(
    gateway: RunningGateway, primed: httpx.Client
) -> None:
    row = warm_row(gateway, primed, FIELDS)
    quote = gateway.world.market.quote(265598, int(str(row["_updated"])))
    assert quote is not None
    assert Decimal(str(row["31"])) == quote.last
    assert Decimal(str(row["7741"])) == quote.prior_close
    assert Decimal(str(row["82"])) == quote.last - quote.prior_close
    assert int(str(row["7762"])) == quote.volume
    assert str(row["83"]).endswith("%")
    assert str(row["87"]).endswith("M")
    assert (row["55"], row["6008"], row["6509"]) == ("AAPL", 265598, "RpB")
    assert "7296" not in row  # Today's close is not known at noon.
    assert Decimal(str(row["84"])) <= Decimal(str(row["7635"])) <= Decimal(str(row["86"]))


def at(gateway: RunningGateway, client: httpx.Client, moment: datetime) -> None:
    """A primed session at another time of the day."""
    gateway.control.set_clock(moment)
    gateway.control.session("ready")
    gateway.control.advance(2)
    client.get("/iserver/accounts")


def test_before_the_bell_the_last_price_is_the_close_before_marked_as_such(
    gateway: RunningGateway, primed: httpx.Client
) -> None:
    at(gateway, primed, datetime(2026, 11, 19, 14, 0, tzinfo=UTC))
    row = warm_row(gateway, primed, "31,70,82,7295,7741")
    assert row["31"] == f"C{row['7741']}"
    assert row["82"] == "0.00"
    assert not {"70", "7295"} & row.keys()


def test_after_the_bell_the_close_of_the_day_is_known(
    gateway: RunningGateway, primed: httpx.Client
) -> None:
    at(gateway, primed, datetime(2026, 11, 19, 22, 0, tzinfo=UTC))
    row = warm_row(gateway, primed, "31,7296")
    query = {"conid": "265598", "period": "2d", "bar": "1d"}
    history = primed.get("/iserver/marketdata/history", params=query).json()
    assert Decimal(str(row["7296"])) == Decimal(str(history["data"][-1]["c"]))
    assert not str(row["31"]).startswith("C")


@pytest.mark.parametrize(
    ("value", "written"),
    [("1300.1", "1,300.10"), ("0.5", "0.50"), ("12.3456", "12.3456"), ("7", "7.00")],
)
def test_prices_are_written_with_commas_and_cents(value: str, written: str) -> None:
    assert quotes.price(Decimal(value)) == written


@pytest.mark.parametrize(
    ("volume", "written"),
    [(999, "999"), (9_999, "9,999"), (221_521, "221.5K"), (45_200_000, "45.2M")],
)
def test_volumes_are_shortened(volume: int, written: str) -> None:
    assert quotes.short(volume) == written


def test_unsubscribing_frees_a_line_once(primed: httpx.Client) -> None:
    def unsubscribe() -> httpx.Response:
        return primed.post("/iserver/marketdata/unsubscribe", json={"conid": 265598})

    snapshot(primed)
    assert unsubscribe().json() == {"success": True}
    again = unsubscribe()
    assert (again.status_code, again.json()) == (500, {"error": "unknown"})
    assert primed.get("/iserver/marketdata/unsubscribeall").json() == {"unsubscribed": True}


def test_the_trading_schedule_knows_thanksgiving_and_the_half_day_after(
    gateway: RunningGateway, client: httpx.Client
) -> None:
    gateway.control.advance(7 * 86_400)
    gateway.control.session("ready")
    found = client.get("/contract/trading-schedule", params={"conid": "265598"}).json()
    assert found["exchange_time_zone"] == "US/Eastern"
    days = found["schedules"]
    assert len(days) == 6
    assert "20261126" not in days
    (hours,) = days["20261127"]["liquid_hours"]
    assert hours["closing"] - hours["opening"] == timedelta(hours=3.5).total_seconds()
    assert datetime.fromtimestamp(hours["opening"], UTC) == datetime(
        2026, 11, 27, 14, 30, tzinfo=UTC
    )
    (extended,) = days["20261127"]["extended_hours"]
    assert extended["opening"] < hours["opening"] < hours["closing"] < extended["closing"]


def test_the_older_schedule_lists_weekdays_and_exceptions(client: httpx.Client) -> None:
    query = {"assetClass": "STK", "symbol": "AAPL"}
    (venue,) = client.get("/trsrv/secdef/schedule", params=query).json()
    days = {day["tradingScheduleDate"]: day["sessions"] for day in venue["schedules"]}
    assert days["20000101"] == []
    assert days["20000107"] == [{"openingTime": "0930", "closingTime": "1600", "prop": "LIQUID"}]
    assert days["20261126"] == []
    assert days["20261127"][0]["closingTime"] == "1300"
    assert client.get("/trsrv/secdef/schedule", params={"symbol": "AAPL"}).status_code == 400
