"""Contract rules: which orders a contract takes, at which steps, and what a ticket starts with."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway import numbers
from backend.papergateway.account import ACCOUNT
from backend.papergateway.answers import bad_request, is_true, json_body, ok, world_of
from backend.papergateway.contracts import increments, info, instrument_of
from backend.papergateway.prices import Instrument
from backend.papergateway.world import World

EVERYWHERE = ["limit", "stop_limit", "trailing_stop_limit"]
"""These trade outside regular hours, too."""
TYPES = sorted([*EVERYWHERE, "market", "stop", "trailing_stop", "midprice"])
CASH_STEP = 500


async def info_and_rules(request: Request) -> Response:
    world = world_of(request)
    instrument = instrument_of(world, request.path_params["conid"])
    if instrument is None:
        return bad_request("conid is not valid")
    is_buy = is_true(request.query_params.get("isBuy", "true"))
    return ok({**info(instrument), "rules": _rules(world, instrument, is_buy=is_buy)})


async def contract_rules(request: Request) -> Response:
    """With `modifyOrder` and `orderId` it also says which types that order may have."""
    world, body = world_of(request), await json_body(request)
    instrument = instrument_of(world, body.get("conid"))
    if instrument is None:
        return bad_request("conid is not valid")
    rules = _rules(world, instrument, is_buy=is_true(str(body.get("isBuy", "true"))))
    order = world.desk.state.orders.get(numbers.whole(body.get("orderId")) or 0)
    if is_true(str(body.get("modifyOrder"))) and order is not None:
        rules["modTypes"] = [order.kind]
    return ok(rules)


def _rules(world: World, instrument: Instrument, *, is_buy: bool) -> dict[str, Any]:
    quote = world.market.quote(instrument.conid, world.now_ms())
    price = 0.0 if quote is None else float(quote.ask if is_buy else quote.bid)
    return {
        "algoEligible": False,
        "overnightEligible": False,
        "allOrNoneEligible": False,
        "costReport": False,
        "canTradeAcctIds": [ACCOUNT],
        "error": None,
        "orderTypes": TYPES,
        "ibAlgoTypes": [],
        "fraqTypes": [],
        "cqtTypes": ["limit", "market"],
        "forceOrderPreview": False,
        "orderDefaults": {"LMT": {"LP": f"{price:.2f}"}},
        "orderTypesOutside": EVERYWHERE,
        "defaultSize": 100,
        "cashSize": 0.0,
        "sizeIncrement": 1,
        "tifTypes": ["IOC/MARKET,LIMIT", "GTC/o,a", "OPG/LIMIT,MARKET,a", "DAY/o,a"],
        "tifDefaults": {"TIF": "DAY", "SIZE": "100.00"},
        "limitPrice": price,
        "stopprice": price,
        "orderOrigination": None,
        "preview": True,
        "displaySize": None,
        "fraqInt": 0,
        "cashCcy": instrument.currency,
        "cashQtyIncr": CASH_STEP,
        "priceMagnifier": None,
        "negativeCapable": False,
        "incrementType": 1,
        "incrementRules": increments(instrument),
        "hasSecondary": True,
        "increment": float(instrument.tick),
        "incrementDigits": 2,
    }


routes = [
    Route("/iserver/contract/rules", contract_rules, methods=["POST"]),
    Route("/iserver/contract/{conid}/info-and-rules", info_and_rules),
]
