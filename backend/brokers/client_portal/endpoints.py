"""
The gateway's endpoints that we call, each with IBKR's limit on it.

Source: IBKR Web API documentation, "Pacing Limitations": ten calls a second in all, and the
intervals below. `portfolio` answers change rarely, so one worker's answer may serve the others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.brokers.pacing import Pace


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """`path` is a template below /v1/api; calls are counted under it."""

    pace: Pace
    method: str
    path: str
    is_complete: Callable[[Any], bool] = lambda body: True
    """Whether an answer is worth sharing: first reads of a session come back half empty."""
    is_plain: bool = False
    """Answers in words, where all others answer in JSON."""


def _endpoint(
    method: str,
    path: str,
    *,
    is_complete: Callable[[Any], bool] = lambda body: True,
    is_plain: bool = False,
    **limits: Any,
) -> Endpoint:
    pace = Pace(label=f"{method} {path}", **limits)
    return Endpoint(pace=pace, method=method, path=path, is_complete=is_complete, is_plain=is_plain)


TICKLE = _endpoint("POST", "tickle", interval=1.0, share=50.0, is_keepalive=True)
AUTH_STATUS = _endpoint("POST", "iserver/auth/status")
# Shared for a moment, so that workers who all find the session gone ask for it once.
INIT = _endpoint("POST", "iserver/auth/ssodh/init", interval=2.5, share=2.5)

ACCOUNTS = _endpoint("GET", "iserver/accounts", share=60.0)
PORTFOLIO_ACCOUNTS = _endpoint("GET", "portfolio/accounts", interval=5.0, share=60.0)
SUMMARY = _endpoint("GET", "portfolio/{account}/summary")
LEDGER = _endpoint("GET", "portfolio/{account}/ledger")
POSITIONS = _endpoint("GET", "portfolio2/{account}/positions")
PNL = _endpoint(
    "GET",
    "iserver/account/pnl/partitioned",
    interval=5.0,
    share=5.0,
    is_complete=lambda body: isinstance(body, dict) and bool(body.get("upnl")),
)
ORDERS = _endpoint(
    "GET",
    "iserver/account/orders",
    interval=5.0,
    share=5.0,
    is_complete=lambda body: isinstance(body, dict) and body.get("snapshot") is True,
)
# With `force=true`: counted together with plain reads, answers nothing itself, and once a minute is
# enough for all workers.
FORCED_ORDERS = _endpoint("GET", "iserver/account/orders", interval=5.0, share=60.0)
TRADES = _endpoint(
    "GET",
    "iserver/account/trades",
    interval=5.0,
    share=5.0,
    is_complete=lambda body: isinstance(body, list) and bool(body),
)
PLACE = _endpoint("POST", "iserver/account/{account}/orders")
PREVIEW = _endpoint("POST", "iserver/account/{account}/orders/whatif")
MODIFY = _endpoint("POST", "iserver/account/{account}/order/{order}")
CANCEL = _endpoint("DELETE", "iserver/account/{account}/order/{order}")
REPLY = _endpoint("POST", "iserver/reply/{reply}")
NOTIFICATION = _endpoint("POST", "iserver/notification", is_plain=True)

SEARCH = _endpoint("GET", "iserver/secdef/search")
STOCKS = _endpoint("GET", "trsrv/stocks")
SECDEF = _endpoint("GET", "trsrv/secdef")
CONTRACT_INFO = _endpoint("GET", "iserver/contract/{conid}/info")
SNAPSHOT = _endpoint("GET", "iserver/marketdata/snapshot")
# Five at a time are allowed; ibind's author met throttling above four.
HISTORY = _endpoint("GET", "iserver/marketdata/history", concurrency=4)
