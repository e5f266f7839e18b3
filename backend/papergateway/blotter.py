"""Reading orders and trades, with the caches in between."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway import numbers, order_rows, order_topics, trade_rows
from backend.papergateway.account import ACCOUNT
from backend.papergateway.accounts import not_primed
from backend.papergateway.answers import bad_request, failed, is_true, ok, world_of
from backend.papergateway.days import days_began
from backend.papergateway.world import World

MOST_DAYS = 7
MOST_ORDERS = 1_000
SORT = "sort_by_time"


async def live_orders(request: Request) -> Response:
    """
    The first read of a session is cold: `snapshot` is false.

    `force=true` empties the cache and is cold itself; a filtered read mutes the WebSocket's order
    feed until a forced one.
    """
    world, query = world_of(request), request.query_params
    if refusal := not_primed(world):
        return refusal
    account = world.account
    if is_true(query.get("force")):
        account.warm.discard("orders")
        account.are_orders_muted = False
    filters = {part.strip().lower() for part in query.get("filters", "").split(",") if part}
    if filters:
        account.are_orders_muted = True
    if not account.is_warm("orders"):
        return ok({"orders": [], "snapshot": False})
    is_ours = query.get("accountId", ACCOUNT) == ACCOUNT
    return ok({"orders": _live_rows(world, filters) if is_ours else [], "snapshot": True})


def _live_rows(world: World, filters: set[str]) -> list[dict[str, Any]]:
    """Those at work first, then as they changed."""
    wanted = {name.replace("_", "") for name in filters - {SORT}}
    found = [
        order
        for order in order_topics.todays(world)
        if not wanted or order.status.lower() in wanted
    ]
    found.sort(key=lambda order: (not order.is_working, order.changed_ms))
    instruments = world.market.instruments
    return [order_rows.live(instruments[each.conid], each) for each in found[:MOST_ORDERS]]


async def order_status(request: Request) -> Response:
    """An order of another day is 503, one that never was 400."""
    world = world_of(request)
    if refusal := not_primed(world):
        return refusal
    order = world.desk.state.orders.get(numbers.whole(request.path_params["order"]) or 0)
    if order is None:
        return bad_request("order not found")
    if order not in order_topics.todays(world):
        return failed(503, "Service Unavailable")
    return ok(order_rows.status(world.desk, world.market.instruments[order.conid], order))


async def trades(request: Request) -> Response:
    """Executions of up to seven days; the first read of a session is cold."""
    world, query = world_of(request), request.query_params
    if refusal := not_primed(world):
        return refusal
    days = numbers.whole(query.get("days", "1"))
    if days is None or not 1 <= days <= MOST_DAYS:
        return bad_request(f"days must be between 1 and {MOST_DAYS}")
    if not world.account.is_warm("trades") or query.get("accountId", ACCOUNT) != ACCOUNT:
        return ok([])
    since_ms = days_began(world.now(), days)
    fills = [fill for fill in world.desk.state.fills if fill.at_ms >= since_ms]
    return ok([trade_rows.row(world.desk, fill) for fill in fills])


routes = [
    Route("/iserver/account/orders", live_orders),
    Route("/iserver/account/trades", trades),
    Route("/iserver/account/order/status/{order}", order_status),
]
