"""The one Redis client of this process: pacing, counters and the queue's depth."""

from functools import cache

import redis

from backend.core.settings import settings


@cache
def client() -> "redis.Redis":
    """Raises `InvalidInput` when REDIS_URL is not set; connects at its first use."""
    settings().require("redis_url")
    return redis.Redis.from_url(
        settings().redis_url,
        socket_timeout=5,
        socket_connect_timeout=2,
        health_check_interval=30,
        decode_responses=True,
    )
