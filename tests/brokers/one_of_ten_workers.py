"""What each process of `test_ten_workers` does."""

from pathlib import Path

import redis

from backend.brokers.base import SessionStatus
from backend.brokers.client_portal import ClientPortalBroker
from backend.core.clock import SystemClock

AAPL = 265598


def work(gateway_url: str, certificate: Path, redis_url: str) -> int:
    """Calls of each kind of limit; returns how many of them went well."""
    client = redis.Redis.from_url(redis_url, decode_responses=True)
    broker = ClientPortalBroker(
        base_url=gateway_url, clock=SystemClock(), redis=client, certificate=certificate
    )
    done = int(broker.ensure_session().status is SessionStatus.READY)
    done += len(broker.accounts())
    done += len(broker.search("AAPL"))
    done += broker.contract(AAPL).conid == AAPL
    done += len(broker.stocks(("AAPL",))["AAPL"])
    broker.close()
    client.close()
    return done
