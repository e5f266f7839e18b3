"""The day's orders and executions, past the gateway's caches."""

from typing import Any

from backend.brokers.client_portal import endpoints, order_rows
from backend.brokers.client_portal.client import Call
from backend.brokers.client_portal.session import GatewaySession
from backend.brokers.orders import BrokerFill, BrokerOrder
from backend.core.errors import TemporaryError

_TRIES = 3
_FORCED_EVERY_SECONDS = 60.0
_MOST_DAYS = 7


def orders(session: GatewaySession, account: str) -> tuple[BrokerOrder, ...]:
    """As `Broker.orders`: what the gateway had saved is cleared once a minute before it."""
    refresh(session, account)
    return tuple(order_rows.order(row) for row in read_rows(session, account))


def refresh(session: GatewaySession, account: str) -> None:
    """
    Have the gateway ask for the orders anew, if no worker did so in the last minute.

    It also tells the WebSocket's order feed to speak again where somebody's filter muted it.
    """
    params = {"accountId": account, "force": "true"}
    call = Call(
        endpoint=endpoints.FORCED_ORDERS,
        params=params,
        max_age=_FORCED_EVERY_SECONDS,
        scope=session.id,
    )
    session.read(call)


def read_rows(
    session: GatewaySession, account: str, *, max_age: float = 0.0
) -> list[dict[str, Any]]:
    """
    Live orders as they are written; never with a filter, which would mute the order feed.

    Raises `TemporaryError` when they are not loaded after a few looks: nothing is not the same as
    not yet known, and a second order could follow from it.
    """
    params = {"accountId": account}
    call = Call(endpoint=endpoints.ORDERS, params=params, max_age=max_age)
    for _ in range(_TRIES):
        body = session.read_object(call)
        if endpoints.ORDERS.is_complete(body):
            rows = body.get("orders") or ()
            return [row for row in rows if row.get("acct", account) == account]
    raise TemporaryError("The gateway has not loaded its live orders.", code="bad_answer")


def fills(session: GatewaySession, account: str, days: int) -> tuple[BrokerFill, ...]:
    """The first answer of a session is empty whatever there is, so that none is asked for twice."""
    span = max(1, min(days + 1, _MOST_DAYS))
    params = {"accountId": account, "days": str(span)}
    call = Call(endpoint=endpoints.TRADES, params=params)
    rows = session.read_rows(call) or session.read_rows(call)
    found = (order_rows.fill(row) for row in rows if row.get("execution_id"))
    return tuple(fill for fill in found if fill.account in ("", account))
