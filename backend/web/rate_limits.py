"""
How often somebody may try, counted in Redis for all web processes together.

While Redis is away each process counts by itself. So the sign-in stays guarded, at the worst
once per process; and a program with a good key goes on being served, since somebody who wants to
switch a strategy off must be able to when half of the machine is down.
"""

import time
from dataclasses import dataclass
from functools import cache
from time import monotonic

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

from backend.core.errors import AppError
from backend.core.hashing import sha256_hex
from backend.core.logging import get_logger
from backend.core.settings import settings

logger = get_logger(__name__)

SIGN_INS_OF_ADDRESS = RateLimitItemPerMinute(30, 15, namespace="sign-in-address")
SIGN_INS_OF_NAME = RateLimitItemPerMinute(10, 15, namespace="sign-in-name")
"""Attempts in a quarter of an hour; a password is not guessed by forty a day."""
CALLS_OF_KEY = RateLimitItemPerMinute(1_200, namespace="api-key")

_REST_SECONDS = 5.0
"""How long Redis is not asked again after it failed: each try may last as long as its time-out."""


class TooMany(AppError):
    status_code = 429
    code = "too_many"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds, at least one."""


@dataclass(frozen=True)
class Left:
    """What one more request of the same kind would find."""

    limit: int
    remaining: int
    reset_seconds: int
    """Until the oldest request that counts is forgotten."""
    is_allowed: bool


def count(item: RateLimitItem, who: str) -> Left:
    """Note one more request; `who` is not kept as it is, since people type passwords anywhere."""
    return _counter().count(item, sha256_hex(who.encode(errors="replace"))[:32])


def count_sign_in(address: str, name: str | None = None) -> None:
    """
    Note an attempt to sign in by a password, or by a link that does not work.

    Raises `TooMany`. A link that works is never held up, so nobody can lock the owner out.
    """
    tried = [count(SIGN_INS_OF_ADDRESS, address)]
    if name is not None:
        tried.append(count(SIGN_INS_OF_NAME, name.strip().casefold()))
    refused = [left.reset_seconds for left in tried if not left.is_allowed]
    if refused:
        logger.warning("sign_in_held_up", seconds=max(refused))
        raise TooMany(
            f"Too many attempts to sign in. Try again in {_words(max(refused))}; or make a link in"
            " the terminal, which works at once: ./glassbox link",
            max(refused),
        )


def _words(seconds: int) -> str:
    minutes = -(-seconds // 60)
    return f"{seconds} seconds" if seconds < 60 else f"{minutes} minute{'s' * (minutes > 1)}"


class _Counter:
    def __init__(self) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._away_until = 0.0

    def count(self, item: RateLimitItem, who: str) -> Left:
        if monotonic() >= self._away_until:
            try:
                return _hit(_shared(settings().redis_url), item, who)
            except RedisError as error:
                logger.warning("rate_limits_counted_alone", why=type(error).__name__)
                self._away_until = monotonic() + _REST_SECONDS
        return _hit(self._own, item, who)


@cache
def _counter() -> _Counter:
    return _Counter()


@cache
def _shared(redis_url: str) -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(
        RedisStorage(
            redis_url,
            key_prefix="glassbox:limit",
            socket_timeout=1,
            socket_connect_timeout=1,
        )
    )


def _hit(limiter: MovingWindowRateLimiter, item: RateLimitItem, who: str) -> Left:
    is_allowed = limiter.hit(item, who)
    window = limiter.get_window_stats(item, who)
    # The library dates what it counts by the machine's clock, whatever clock we trade by.
    seconds = max(1, -int(-(window.reset_time - time.time()) // 1))
    return Left(item.amount, max(0, window.remaining), seconds, is_allowed)
