from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from backend.brokers.base import Contract, ContractMatch
from backend.core.errors import InvalidInput, UnknownName
from backend.market import contracts
from backend.market.service import MarketData
from backend.papergateway.running import RunningGateway

Leap = Callable[[datetime], None]


def match(exchange: str, conid: int = 1, is_us: bool | None = None) -> ContractMatch:
    return ContractMatch(
        conid=conid,
        symbol="AAPL",
        name="APPLE INC",
        exchange=exchange,
        security_types=("STK",),
        is_us=is_us,
    )


NASDAQ, MEXICO, LONDON = match("NASDAQ", 1, True), match("MEXI", 2, False), match("LSE", 3)


def broker_calls(gateway: RunningGateway) -> int:
    counts = gateway.control.counts()
    return sum(counts.get(path, 0) for path in ("trsrv/stocks", "iserver/secdef/search"))


def test_a_symbol_becomes_a_contract(market: MarketData) -> None:
    contract = market.resolve(" aapl ")
    assert (contract.conid, contract.symbol, contract.currency) == (265598, "AAPL", "USD")
    assert (contract.exchange, contract.calendar) == ("NASDAQ", "XNYS")


def test_a_known_symbol_is_not_asked_for_again_within_seven_days(
    market: MarketData, gateway: RunningGateway, leap_to: Leap
) -> None:
    first = market.resolve("AAPL")
    asked = broker_calls(gateway)
    leap_to(gateway.world.clock.now() + timedelta(days=6))
    assert market.resolve("AAPL") == first
    assert broker_calls(gateway) == asked


def test_after_seven_days_the_broker_is_asked_anew(
    market: MarketData, gateway: RunningGateway, leap_to: Leap
) -> None:
    market.resolve("AAPL")
    asked = broker_calls(gateway)
    leap_to(gateway.world.clock.now() + timedelta(days=7, seconds=1))
    statistics = market.cache_statistics()
    assert (statistics.stale_contracts, statistics.stale_searches) == (1, 1)
    market.resolve("AAPL")
    assert broker_calls(gateway) == asked + 1
    assert market.cache_statistics().stale_contracts == 0


def test_an_unknown_symbol_is_answered_with_the_nearest_one(market: MarketData) -> None:
    market.resolve("AAPL")
    with pytest.raises(UnknownName, match=r"no stock 'APPL'\. Did you mean 'AAPL'") as error:
        market.resolve("APPL")
    assert error.value.code == "unknown_symbol"


@pytest.mark.parametrize("symbol", ["", "   ", "A" * 65])
def test_what_cannot_be_a_symbol_is_refused(market: MarketData, symbol: str) -> None:
    with pytest.raises(InvalidInput, match="between 1 and 64 characters"):
        market.resolve(symbol)


def test_many_symbols_are_searched_in_one_call(market: MarketData, gateway: RunningGateway) -> None:
    found = market.resolve_many(["MSFT", "ibm", "AAPL"])
    assert {name: c.symbol for name, c in found.items() if isinstance(c, Contract)} == {
        "MSFT": "MSFT",
        "ibm": "IBM",
        "AAPL": "AAPL",
    }
    assert gateway.control.counts()["trsrv/stocks"] == 1


def test_one_wrong_symbol_does_not_spoil_the_others(market: MarketData) -> None:
    found = market.resolve_many(["AAPL", "NOSUCH"])
    assert isinstance(found["AAPL"], Contract)
    assert isinstance(found["NOSUCH"], UnknownName)


def test_one_impossible_symbol_does_not_spoil_the_others(market: MarketData) -> None:
    found = market.resolve_many(["AAPL", "A" * 65])
    assert isinstance(found["AAPL"], Contract)
    assert isinstance(found["A" * 65], InvalidInput)


def test_a_search_is_answered_from_the_cache_the_second_time(
    market: MarketData, gateway: RunningGateway
) -> None:
    first = market.search("app")
    asked = broker_calls(gateway)
    assert [each.symbol for each in first] == ["AAPL"]
    assert market.search(" APP ") == first
    assert broker_calls(gateway) == asked


def test_also_nothing_found_is_remembered(market: MarketData, gateway: RunningGateway) -> None:
    assert market.search("nosuchthing") == ()
    asked = broker_calls(gateway)
    assert market.search("nosuchthing") == ()
    assert broker_calls(gateway) == asked


def test_the_exchange_may_be_named(market: MarketData) -> None:
    assert market.resolve("IBM", exchange="nyse").exchange == "NYSE"
    with pytest.raises(UnknownName, match="IBM is not listed on LSE, but on NYSE"):
        market.resolve("IBM", exchange="LSE")


def test_the_currency_may_be_named(market: MarketData) -> None:
    assert market.resolve("IBM", currency="usd").currency == "USD"
    with pytest.raises(UnknownName, match="IBM does not trade in EUR, but in USD"):
        market.resolve("IBM", currency="EUR")


def test_the_statistics_count_what_is_stored(market: MarketData) -> None:
    market.resolve_many(["AAPL", "MSFT"])
    market.search("apple")
    statistics = market.cache_statistics()
    assert (statistics.contracts, statistics.searches) == (2, 3)
    assert (statistics.stale_contracts, statistics.stale_searches, statistics.bars) == (0, 0, 0)


@pytest.mark.parametrize(
    ("matches", "expected"),
    [
        ((MEXICO,), MEXICO),
        ((MEXICO, NASDAQ, LONDON), NASDAQ),
        ((MEXICO, match("ARCA", 4)), match("ARCA", 4)),
    ],
)
def test_the_only_listing_or_the_american_one_is_taken(
    matches: tuple[ContractMatch, ...], expected: ContractMatch
) -> None:
    assert contracts.the_one("AAPL", matches) == expected


def test_an_ambiguous_symbol_is_answered_with_the_choices() -> None:
    with pytest.raises(InvalidInput, match=r"on MEXI \(APPLE INC, conid 2\), LSE .* name the") as e:
        contracts.the_one("AAPL", (MEXICO, LONDON))
    assert e.value.code == "ambiguous_symbol"


@pytest.mark.parametrize("exchange", ["LSE", "lse", "XLON"])
def test_an_exchange_goes_by_its_names(exchange: str) -> None:
    assert contracts.on_exchange("AAPL", (MEXICO, LONDON, NASDAQ), exchange) == (LONDON,)


def test_the_very_exchange_is_preferred_to_others_with_its_hours() -> None:
    listings = (NASDAQ, match("NYSE", 5))
    assert contracts.on_exchange("AAPL", listings, "NYSE") == (match("NYSE", 5),)


def test_a_contract_from_the_cache_is_written_like_the_fetched_one(
    market: MarketData,
) -> None:
    fetched = market.resolve("AAPL")

    cached = market.resolve("AAPL")

    assert (str(cached.tick), str(cached.lot)) == (str(fetched.tick), str(fetched.lot))
