"""Contracts, bars and quotes for whoever decides: from the database first, then the broker."""

from collections.abc import Iterable
from datetime import datetime

from backend.brokers import base
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import InvalidInput, UnknownName
from backend.core.values import Timeframe
from backend.exchange import calendars
from backend.market import contracts, series
from backend.market.history import BarHistory, BarsResult


class MarketData:
    """
    One per process; keeps no state but the database's, so any number may work at a time.

    Every method may raise what `Broker` raises. No transaction is open while the broker is asked.
    """

    def __init__(self, broker: base.Broker, clock: Clock) -> None:
        self._broker = broker
        self._clock = clock
        self._history = BarHistory(broker, clock)

    def resolve(
        self, symbol: str, *, exchange: str | None = None, currency: str | None = None
    ) -> base.Contract:
        """
        The stock that a symbol means; without an exchange the American listing is preferred.

        Raises `InvalidInput` with code `unknown_symbol` and the nearest symbol, or code
        `ambiguous_symbol` and the choices.
        """
        symbol = contracts.tidy(symbol)
        return self._choose(symbol, self._stocks([symbol])[symbol], exchange, currency)

    def resolve_many(self, symbols: Iterable[str]) -> dict[str, base.Contract | InvalidInput]:
        """Each symbol's contract, or the error that `resolve` would raise; searched in one call."""
        found: dict[str, base.Contract | InvalidInput] = {}
        tidied: dict[str, str] = {}
        for given in symbols:
            try:
                tidied[given] = contracts.tidy(given)
            except InvalidInput as error:
                found[given] = error
        listings = self._stocks(list(dict.fromkeys(tidied.values())))
        for given, symbol in tidied.items():
            try:
                found[given] = self._choose(symbol, listings[symbol], None, None)
            except InvalidInput as error:
                found[given] = error
        return found

    def search(self, query: str) -> tuple[base.ContractMatch, ...]:
        """Contracts whose symbol or name fits; answers are kept for seven days."""
        query = contracts.tidy(query)
        now = self._clock.now()
        with transaction() as session:
            stored = contracts.stored_answer(session, "search", query, now)
        if stored is not None:
            return stored
        matches = self._broker.search(query)
        with transaction() as session:
            contracts.keep_answer(session, "search", query, matches, now)
        return matches

    def cache_statistics(self) -> contracts.CacheStatistics:
        with transaction() as session:
            return contracts.statistics(session, self._clock.now())

    def coverage(self) -> list[series.SeriesCoverage]:
        """What is stored, series by series."""
        with transaction() as session:
            return series.listing(session)

    def quote(self, contract: base.Contract) -> base.Quote:
        return self._broker.quote(contract.conid)

    def bars(
        self, contract: base.Contract, timeframe: Timeframe, count: int, as_of: datetime
    ) -> BarsResult:
        """
        The last `count` bars closed by `as_of`, of which only the missing ones are fetched.

        Raises `InvalidInput` code `calendar_ended` when the exchange's future is unknown.
        """
        calendar = calendars.calendar(contract.calendar)
        calendar.require_known(as_of)
        key = series.Key(contract.conid, timeframe)
        return self._history.last_closed(key, calendar, count, as_of)

    def fetch_again(self, contract: base.Contract, timeframe: Timeframe, count: int) -> int:
        """
        Replace what is stored of a series by what the broker tells now, `count` bars at least.

        Returns how many bars are stored then. Nothing is taken away before the new ones are here.
        """
        calendar = calendars.calendar(contract.calendar)
        key = series.Key(contract.conid, timeframe)
        return self._history.again(key, calendar, count)

    def known(self, symbol: str) -> base.Contract | None:
        """A contract that was resolved before, however long ago, without asking the broker."""
        with transaction() as session:
            return contracts.known_contract(session, contracts.tidy(symbol))

    def _stocks(self, symbols: list[str]) -> dict[str, tuple[base.ContractMatch, ...]]:
        """The listings of each symbol; the broker is asked once for all that are not known."""
        now = self._clock.now()
        with transaction() as session:
            stored = {
                symbol: contracts.stored_answer(session, "stocks", symbol, now)
                for symbol in symbols
            }
        unknown = tuple(symbol for symbol, matches in stored.items() if matches is None)
        if not unknown:
            return {symbol: matches or () for symbol, matches in stored.items()}
        answers = self._broker.stocks(unknown)
        with transaction() as session:
            for symbol in unknown:
                contracts.keep_answer(session, "stocks", symbol, answers.get(symbol, ()), now)
        return {
            symbol: answers.get(symbol, ()) if matches is None else matches
            for symbol, matches in stored.items()
        }

    def _choose(
        self,
        symbol: str,
        matches: tuple[base.ContractMatch, ...],
        exchange: str | None,
        currency: str | None,
    ) -> base.Contract:
        if not matches:
            raise contracts.unknown(symbol, self._similar(symbol))
        if exchange is not None:
            matches = contracts.on_exchange(symbol, matches, exchange)
        if currency is not None:
            matches = self._in_currency(symbol, matches, currency)
        return self._contract(contracts.the_one(symbol, matches).conid)

    def _in_currency(
        self, symbol: str, matches: tuple[base.ContractMatch, ...], currency: str
    ) -> tuple[base.ContractMatch, ...]:
        currencies = {match.conid: self._contract(match.conid).currency for match in matches}
        found = tuple(m for m in matches if currencies[m.conid] == currency.strip().upper())
        if not found:
            raise UnknownName(
                f"{symbol} does not trade in {currency}, but in"
                f" {', '.join(sorted(set(currencies.values())))}.",
                code="unknown_symbol",
                field="currency",
            )
        return found

    def _similar(self, symbol: str) -> list[str]:
        with transaction() as session:
            known = contracts.known_symbols(session)
        return [match.symbol for match in self.search(symbol)] + known

    def _contract(self, conid: int) -> base.Contract:
        now = self._clock.now()
        with transaction() as session:
            stored = contracts.stored_contract(session, conid, now)
        if stored is not None:
            return stored
        contract = self._broker.contract(conid)
        with transaction() as session:
            contracts.keep_contract(session, contract, now)
        return contract
