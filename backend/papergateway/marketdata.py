"""Market data: the snapshot with its pre-flight, and freeing its lines."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway import numbers, quotes
from backend.papergateway.accounts import not_primed
from backend.papergateway.answers import bad_request, error, json_body, ok, world_of
from backend.papergateway.faults import FaultKind
from backend.papergateway.world import World

CONIDS_AT_ONCE = 100
FIELDS_AT_ONCE = 50
MARKER = "q0"
AVAILABILITY = "RpB"
"""Real-time, consolidated, with book."""
SLOW_FIELDS_SECONDS = 2.0


async def snapshot(request: Request) -> Response:
    world = world_of(request)
    if refusal := not_primed(world):
        return refusal
    conids = [part for part in request.query_params.get("conids", "").split(",") if part]
    fields = [part for part in request.query_params.get("fields", "").split(",") if part]
    if not conids:
        return bad_request("conids is required")
    if len(conids) > CONIDS_AT_ONCE or len(fields) > FIELDS_AT_ONCE:
        return bad_request(f"at most {CONIDS_AT_ONCE} conids and {FIELDS_AT_ONCE} fields per call")
    if not all(numbers.conid(conid) for conid in conids):
        return bad_request("conids must be numbers separated by commas")
    slow = world.faults.strike(frozenset({FaultKind.SLOW_FIELDS}), "GET", _PATH)
    late = (slow.seconds or SLOW_FIELDS_SECONDS) if slow else 0.0
    return ok([_row(world, conid, fields, late) for conid in conids])


_PATH = "iserver/marketdata/snapshot"


def _row(world: World, conid_ex: str, fields: list[str], late: float) -> dict[str, Any]:
    conid = numbers.conid(conid_ex)
    bare = {"conid": conid, "conidEx": conid_ex}
    if conid is None or conid not in world.market.instruments:
        return bare
    known = world.streams.ask(conid, fields, late=late)
    if not known:
        return bare
    return {**bare, **image(world, conid, known)}


def image(world: World, conid: int, fields: set[str]) -> dict[str, Any]:
    """Values of fields with the marks that come along with every one of them."""
    marks = {"_updated": world.now_ms(), "server_id": MARKER, "6119": MARKER, "6509": AVAILABILITY}
    return {**marks, **quotes.row(world.market, conid, sorted(fields), world.now_ms())}


async def unsubscribe(request: Request) -> Response:
    """Not subscribed is a 500 "unknown", as on the real one: ibind stumbles over it there, too."""
    conid = numbers.conid((await json_body(request)).get("conid"))
    if conid is None:
        return bad_request("conid is required")
    if not world_of(request).streams.stop(conid):
        return error(500, "unknown")
    return ok({"success": True})


async def unsubscribe_all(request: Request) -> Response:
    world_of(request).streams.clear()
    return ok({"unsubscribed": True})


routes = [
    Route("/iserver/marketdata/snapshot", snapshot),
    Route("/iserver/marketdata/unsubscribe", unsubscribe, methods=["POST"]),
    Route("/iserver/marketdata/unsubscribeall", unsubscribe_all),
]
