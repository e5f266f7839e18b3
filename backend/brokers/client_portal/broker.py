"""`Broker` as IBKR's Client Portal Gateway answers for it."""

import time
from collections.abc import Callable
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
from backend.brokers.client_portal import contracts, history, portfolio, quotes
from backend.brokers.client_portal.client import READ_SECONDS, GatewayClient
from backend.brokers.client_portal.session import GatewaySession
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
        pacer: Pacer | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """
        `speed`: how fast the gateway's time runs. Raises `InvalidInput` for an address whose
        connection nobody could trust.
        """
        self._clock = clock
        self._account = account
        self._sleep = sleep
        pacer = pacer or Pacer(redis, requests_per_second=requests_per_second, speed=speed)
        self._client = GatewayClient(
            base_url, pacer, certificate=certificate, read_seconds=read_seconds, sleep=sleep
        )
        self._session = GatewaySession(self._client, clock, sleep=sleep)

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

    def close(self) -> None:
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
