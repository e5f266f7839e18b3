"""`Broker` as IBKR's Client Portal Gateway answers for it."""

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import redis as redis_library

from backend.brokers.base import (
    Account,
    AccountSnapshot,
    Contract,
    ContractMatch,
    History,
    Quote,
    Session,
)
from backend.brokers.client_portal import (
    contracts,
    history,
    listing,
    orders,
    portfolio,
    preview,
    quotes,
)
from backend.brokers.client_portal.client import READ_SECONDS, GatewayClient
from backend.brokers.client_portal.session import GatewaySession
from backend.brokers.client_portal.stream import SILENT_SECONDS, OrderStream
from backend.brokers.orders import (
    BrokerFill,
    BrokerOrder,
    OrderAnswer,
    OrderNews,
    Preview,
    Question,
    Ticket,
)
from backend.brokers.pacing import Pacer
from backend.core import redis
from backend.core.clock import Clock, real_seconds
from backend.core.settings import settings
from backend.core.values import Timeframe


class ClientPortalBroker:
    """
    One per process: it holds a pool of connections and is safe to use from many threads.

    Call `ensure_session` once a minute from somewhere: it keeps the gateway's login alive.
    """

    def __init__(
        self,
        *,
        base_url: str,
        clock: Clock,
        redis: "redis_library.Redis",
        account: str | None = None,
        certificate: Path | None = None,
        requests_per_second: float = 8.0,
        read_seconds: float = READ_SECONDS,
        speed: float = 1.0,
        silent_seconds: float = SILENT_SECONDS,
        pacer: Pacer | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        `speed`: how fast the gateway's time runs; `silent_seconds`: of it, after which a stream
        is given up. Raises `InvalidInput` for an address whose connection nobody could trust.
        """
        self._clock = clock
        self._account = account
        self._sleep = sleep
        pacer = pacer or Pacer(redis, requests_per_second=requests_per_second, speed=speed)
        self._client = GatewayClient(
            base_url, pacer, certificate=certificate, read_seconds=read_seconds, sleep=sleep
        )
        self._session = GatewaySession(self._client, clock, sleep=sleep)
        self._stream = OrderStream(
            self._session,
            base_url,
            certificate=certificate,
            speed=speed,
            sleep=sleep,
            silent_seconds=silent_seconds,
        )

    def session(self) -> Session:
        return self._session.status()

    def ensure_session(self) -> Session:
        return self._session.ensure()

    def accounts(self) -> tuple[Account, ...]:
        return portfolio.accounts(self._session, self._account)

    def search(self, query: str) -> tuple[ContractMatch, ...]:
        return contracts.search(self._session, query)

    def stocks(self, symbols: tuple[str, ...]) -> dict[str, tuple[ContractMatch, ...]]:
        return contracts.stocks(self._session, symbols)

    def contract(self, conid: int) -> Contract:
        return contracts.contract(self._session, conid)

    def history(
        self, conid: int, timeframe: Timeframe, *, start: datetime, end: datetime
    ) -> History:
        return history.read(self._session, conid, timeframe, start=start, end=end)

    def quote(self, conid: int) -> Quote:
        return quotes.read(self._session, conid, sleep=self._sleep)

    def account_snapshot(self, account: str) -> AccountSnapshot:
        return portfolio.snapshot(self._session, self._clock, account, wanted=self._account)

    def preview(self, account: str, tickets: Sequence[Ticket]) -> Preview:
        return preview.read(self._session, account, tickets[0])

    def place(self, account: str, tickets: Sequence[Ticket]) -> OrderAnswer:
        return orders.place(self._session, account, tickets)

    def reply(self, account: str, question: Question, *, is_confirmed: bool) -> OrderAnswer:
        return orders.reply(self._session, question, is_confirmed=is_confirmed)

    def modify(self, account: str, order_id: str, ticket: Ticket) -> OrderAnswer:
        return orders.modify(self._session, account, order_id, ticket)

    def cancel(self, account: str, order_id: str) -> str | None:
        return orders.cancel(self._session, account, order_id)

    def orders(self, account: str) -> tuple[BrokerOrder, ...]:
        return listing.orders(self._session, account)

    def fills(self, account: str, *, days: int = 1) -> tuple[BrokerFill, ...]:
        return listing.fills(self._session, account, days)

    def follow_orders(self, account: str) -> Iterator[OrderNews]:
        return self._stream.follow(account)

    def close(self) -> None:
        self._stream.close()
        self._client.close()


def from_settings(clock: Clock) -> ClientPortalBroker:
    """Raises `InvalidInput` when the settings do not name a usable gateway or Redis."""
    chosen = settings()
    return ClientPortalBroker(
        base_url=chosen.ibkr_gateway_url,
        clock=clock,
        redis=redis.client(),
        account=chosen.ibkr_account or None,
        certificate=chosen.ibkr_gateway_certificate,
        requests_per_second=chosen.ibkr_requests_per_second,
        speed=1 / real_seconds(clock, 1),
    )
