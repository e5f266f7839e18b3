"""Orders and trades, as far as an account without any can be read."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway import numbers
from backend.papergateway.accounts import not_primed
from backend.papergateway.answers import bad_request, is_true, ok, world_of

MOST_DAYS = 7


async def live_orders(request: Request) -> Response:
    """
    The first read of a session is cold: `snapshot` is false.

    `force=true` empties the cache and is cold itself; a filtered read mutes the WebSocket's order
    feed until a forced one.
    """
    world = world_of(request)
    if refusal := not_primed(world):
        return refusal
    account = world.account
    if is_true(request.query_params.get("force")):
        account.warm.discard("orders")
        account.are_orders_muted = False
    if request.query_params.get("filters"):
        account.are_orders_muted = True
    return ok({"orders": [], "snapshot": account.is_warm("orders")})


async def trades(request: Request) -> Response:
    """No account has executions before its first order."""
    world = world_of(request)
    if refusal := not_primed(world):
        return refusal
    days = numbers.whole(request.query_params.get("days", "1"))
    if days is None or not 1 <= days <= MOST_DAYS:
        return bad_request(f"days must be between 1 and {MOST_DAYS}")
    return ok([])


async def order_status(request: Request) -> Response:
    world = world_of(request)
    return not_primed(world) or bad_request("order not found")


routes = [
    Route("/iserver/account/orders", live_orders),
    Route("/iserver/account/trades", trades),
    Route("/iserver/account/order/status/{order}", order_status),
]
