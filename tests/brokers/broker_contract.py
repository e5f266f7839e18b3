"""What every broker has to do, whoever it is."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from backend.brokers.base import Broker, Session, SessionStatus
from backend.core.clock import Clock, from_ms, to_ms
from backend.core.errors import NotFound
from backend.core.values import Timeframe
from backend.exchange.calendars import calendar

NOBODYS_CONID = 999_999_999


class BrokerContract:
    """
    A subclass gives the fixtures `broker` (logged in, with one account and AAPL) and
    `broker_clock`, the clock that the broker was made with.
    """

    def aapl(self, broker: Broker) -> int:
        (match,) = (item for item in broker.stocks(("AAPL",))["AAPL"] if item.exchange == "NASDAQ")
        return match.conid

    def test_a_session_tells_how_it_stands(self, broker: Broker) -> None:
        session = broker.session()
        assert isinstance(session, Session)
        assert session.status is SessionStatus.READY
        assert session.detail.endswith(".")

    def test_ensuring_a_session_that_is_up_changes_nothing(self, broker: Broker) -> None:
        assert broker.ensure_session().status is SessionStatus.READY
        assert broker.ensure_session().status is SessionStatus.READY

    def test_the_next_login_is_foreseen_within_a_day(
        self, broker: Broker, broker_clock: Clock
    ) -> None:
        expires = broker.session().login_expires_at
        assert expires is not None
        assert expires.tzinfo is not None
        assert timedelta() < expires - broker_clock.now() <= timedelta(hours=25)

    def test_accounts_have_one_that_is_selected(self, broker: Broker) -> None:
        accounts = broker.accounts()
        assert [account.is_selected for account in accounts].count(True) == 1
        assert all(account.id and account.currency == "USD" for account in accounts)

    def test_a_search_finds_by_symbol_and_by_name(self, broker: Broker) -> None:
        for query in ("AAPL", "aapl", "APPLE"):
            assert "AAPL" in {match.symbol for match in broker.search(query)}

    def test_a_search_without_a_match_is_empty(self, broker: Broker) -> None:
        assert broker.search("NOSUCHSYMBOL") == ()

    def test_many_symbols_are_looked_up_at_once(self, broker: Broker) -> None:
        found = broker.stocks(("AAPL", "msft", "NOSUCHSYMBOL"))
        assert list(found) == ["AAPL", "msft", "NOSUCHSYMBOL"]
        assert found["NOSUCHSYMBOL"] == ()
        assert {match.symbol for match in found["msft"]} == {"MSFT"}

    def test_a_contract_can_be_traded_by_what_it_says(self, broker: Broker) -> None:
        contract = broker.contract(self.aapl(broker))
        assert (contract.symbol, contract.exchange, contract.currency) == ("AAPL", "NASDAQ", "USD")
        assert contract.tick == Decimal("0.01")
        assert contract.lot == 1
        assert calendar(contract.calendar).timezone == contract.timezone

    def test_an_unknown_contract_is_not_found(self, broker: Broker) -> None:
        with pytest.raises(NotFound, match=str(NOBODYS_CONID)):
            broker.contract(NOBODYS_CONID)

    @pytest.mark.parametrize("timeframe", list(Timeframe))
    def test_history_of_every_timeframe_lies_in_its_window_in_order(
        self, broker: Broker, broker_clock: Clock, timeframe: Timeframe
    ) -> None:
        end = broker_clock.now() - timedelta(days=1)
        start = end - min(timedelta(seconds=timeframe.seconds * 150), timedelta(days=600))
        bars = broker.history(self.aapl(broker), timeframe, start=start, end=end).bars
        times = [bar.time for bar in bars]
        assert times, timeframe
        assert times == sorted(set(times))
        assert to_ms(start) <= times[0]
        assert times[-1] < to_ms(end)
        for bar in bars:
            assert bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high
            assert bar.volume >= 0
            assert isinstance(bar.close, Decimal)

    def test_history_is_asked_half_open(self, broker: Broker, broker_clock: Clock) -> None:
        conid, end = self.aapl(broker), broker_clock.now()
        times = [
            bar.time
            for bar in broker.history(
                conid, Timeframe.DAY, start=end - timedelta(days=30), end=end
            ).bars
        ]
        again = broker.history(
            conid, Timeframe.DAY, start=from_ms(times[3]), end=from_ms(times[7])
        ).bars
        assert [bar.time for bar in again] == times[3:7]

    def test_history_before_the_listing_is_empty(self, broker: Broker) -> None:
        start = datetime(1950, 1, 1, tzinfo=UTC)
        history = broker.history(
            self.aapl(broker), Timeframe.DAY, start=start, end=start + timedelta(days=30)
        )
        assert history.bars == ()

    def test_minutes_and_days_tell_the_same_story(
        self, broker: Broker, broker_clock: Clock
    ) -> None:
        conid = self.aapl(broker)
        midnight = broker_clock.now().replace(hour=0, minute=0, second=0, microsecond=0)
        window = {"start": midnight - timedelta(days=1), "end": midnight}
        (day,) = broker.history(conid, Timeframe.DAY, **window).bars
        minutes = broker.history(conid, Timeframe.MIN_1, **window).bars
        assert len(minutes) == 390
        assert minutes[0].open == day.open
        assert minutes[-1].close == day.close
        assert max(bar.high for bar in minutes) == day.high
        assert sum(bar.volume for bar in minutes) == day.volume

    def test_a_quote_in_trading_hours_has_both_sides(self, broker: Broker) -> None:
        quote = broker.quote(self.aapl(broker))
        assert quote.last is not None
        assert quote.bid is not None
        assert quote.ask is not None
        assert 0 < quote.bid <= quote.ask
        assert not quote.is_halted
        assert quote.updated_at is not None

    def test_a_quote_of_nothing_knows_nothing(self, broker: Broker) -> None:
        quote = broker.quote(NOBODYS_CONID)
        assert (quote.last, quote.bid, quote.ask) == (None, None, None)

    def test_a_snapshot_of_the_account_has_its_money(self, broker: Broker) -> None:
        account = next(item for item in broker.accounts() if item.is_selected)
        snapshot = broker.account_snapshot(account.id)
        assert snapshot.account == account.id
        assert (snapshot.currency, snapshot.is_paper) == (account.currency, account.is_paper)
        assert isinstance(snapshot.cash, Decimal)
        assert snapshot.equity > 0
        assert snapshot.buying_power > 0
        assert snapshot.taken_at.tzinfo is not None
        assert all(position.quantity for position in snapshot.positions)

    def test_the_account_of_somebody_else_is_not_found(self, broker: Broker) -> None:
        with pytest.raises(NotFound, match="DU7654321"):
            broker.account_snapshot("DU7654321")
