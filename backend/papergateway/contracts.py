"""Contracts: search, security definitions, stocks by symbol, contract details."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway import numbers
from backend.papergateway.answers import bad_request, empty, failed, json_body, ok, world_of
from backend.papergateway.prices import Instrument
from backend.papergateway.world import World

CONIDS_AT_ONCE = 200
VENUES = "SMART,AMEX,NYSE,CBOE,PHLX,ISE,CHX,ARCA,NASDAQ,DRCTEDGE,BEX,BATS,EDGEA,BYX,IEX,MEMX,PSX"


async def search(request: Request) -> Response:
    """iserver/secdef/search, by symbol or (`name=true`) by a part of the company's name."""
    query: dict[str, Any] = {**request.query_params, **await json_body(request)}
    wanted = str(query.get("symbol", "")).strip().upper()
    if not wanted:
        return bad_request("symbol is required")
    if str(query.get("secType") or "STK").upper() != "STK":
        return ok([])
    by_name = str(query.get("name", "")).lower() == "true"
    found = [
        instrument
        for instrument in world_of(request).market.instruments.values()
        if (wanted in instrument.name.upper() if by_name else wanted == instrument.symbol)
    ]
    return ok([_search_row(instrument) for instrument in found])


def _search_row(instrument: Instrument) -> dict[str, Any]:
    return {
        "conid": str(instrument.conid),
        "companyHeader": f"{instrument.name} - {instrument.exchange}",
        "companyName": instrument.name,
        "symbol": instrument.symbol,
        "description": instrument.exchange,
        "restricted": None,
        "sections": [{"secType": "STK"}],
    }


async def secdef_info(request: Request) -> Response:
    """iserver/secdef/info: a stock has one row and needs no month."""
    instrument = instrument_of(world_of(request), request.query_params.get("conid"))
    if instrument is None:
        return bad_request("conid is not valid")
    return ok(
        [
            {
                "conid": instrument.conid,
                "symbol": instrument.symbol,
                "ticker": instrument.symbol,
                "secType": "STK",
                "exchange": "SMART",
                "listingExchange": instrument.exchange,
                "right": "?",
                "strike": 0.0,
                "currency": instrument.currency,
                "cusip": None,
                "coupon": "No Coupon",
                "desc1": instrument.symbol,
                "desc2": None,
                "maturityDate": None,
                "multiplier": "0",
                "tradingClass": instrument.symbol,
                "validExchanges": VENUES,
            }
        ]
    )


async def strikes(request: Request) -> Response:
    """There are no options here, so that no search ever arms a strike."""
    return ok({"call": [], "put": []})


async def stocks(request: Request) -> Response:
    """trsrv/stocks: an unknown symbol has an empty list."""
    wanted = [part for part in request.query_params.get("symbols", "").split(",") if part]
    if not wanted:
        return bad_request("symbols is required")
    market = world_of(request).market
    return ok({symbol: _listings(market.by_symbol(symbol)) for symbol in wanted})


def _listings(instrument: Instrument | None) -> list[dict[str, Any]]:
    if instrument is None:
        return []
    contract = {"conid": instrument.conid, "exchange": instrument.exchange, "isUS": True}
    return [
        {
            "name": instrument.name,
            "chineseName": None,
            "assetClass": "STK",
            "contracts": [contract],
        }
    ]


async def definitions(request: Request) -> Response:
    """trsrv/secdef for up to 200 conids; 204 when it knows none of them."""
    conids = [part for part in request.query_params.get("conids", "").split(",") if part]
    if not conids or len(conids) > CONIDS_AT_ONCE:
        return bad_request(f"conids: between 1 and {CONIDS_AT_ONCE}")
    world = world_of(request)
    found = [item for conid in conids if (item := instrument_of(world, conid))]
    return ok({"secdef": [definition(item) for item in found]}) if found else empty(204)


def definition(instrument: Instrument) -> dict[str, Any]:
    return {
        "conid": instrument.conid,
        "currency": instrument.currency,
        "time": 43,
        "chineseName": None,
        "allExchanges": VENUES,
        "listingExchange": instrument.exchange,
        "countryCode": "US",
        "name": instrument.name,
        "assetClass": "STK",
        "expiry": None,
        "lastTradingDay": None,
        "group": instrument.category,
        "putOrCall": None,
        "sector": instrument.industry,
        "sectorGroup": instrument.category,
        "strike": "0",
        "ticker": instrument.symbol,
        "undConid": 0,
        "multiplier": 0.0,
        "type": "COMMON",
        "hasOptions": False,
        "fullName": instrument.symbol,
        "isUS": True,
        "incrementRules": increments(instrument),
        "displayRule": {
            "magnification": 0,
            "displayRuleStep": [{"decimalDigits": 2, "lowerEdge": 0.0, "wholeDigits": 4}],
        },
        "isEventContract": False,
        "pageSize": 100,
    }


def increments(instrument: Instrument) -> list[dict[str, float]]:
    return [{"lowerEdge": 0.0, "increment": float(instrument.tick)}]


async def contract_info(request: Request) -> Response:
    instrument = instrument_of(world_of(request), request.path_params["conid"])
    if instrument is None:
        return bad_request("conid is not valid")
    return ok(info(instrument))


def info(instrument: Instrument) -> dict[str, Any]:
    """The names that the real one uses; its prose documentation lists others."""
    return {
        "cfi_code": "",
        "symbol": instrument.symbol,
        "cusip": None,
        "expiry_full": None,
        "con_id": instrument.conid,
        "maturity_date": None,
        "industry": instrument.industry,
        "instrument_type": "STK",
        "has_related_contracts": False,
        "trading_class": instrument.symbol,
        "valid_exchanges": VENUES,
        "allow_sell_long": False,
        "is_zero_commission_security": False,
        "local_symbol": instrument.symbol,
        "contract_clarification_type": None,
        "classifier": None,
        "currency": instrument.currency,
        "text": None,
        "underlying_con_id": 0,
        "r_t_h": True,
        "multiplier": None,
        "underlying_issuer": None,
        "contract_month": None,
        "company_name": instrument.name,
        "smart_available": True,
        "exchange": "SMART",
        "category": instrument.category,
    }


async def algos(request: Request) -> Response:
    if instrument_of(world_of(request), request.path_params["conid"]) is None:
        return failed(503, "Service Unavailable")
    return ok({"algos": []})


async def all_conids(request: Request) -> Response:
    exchange = request.query_params.get("exchange", "").upper()
    if not exchange:
        return bad_request("exchange is required")
    return ok(
        [
            {"ticker": item.symbol, "conid": item.conid, "exchange": item.exchange}
            for item in world_of(request).market.instruments.values()
            if item.exchange == exchange
        ]
    )


async def futures(request: Request) -> Response:
    symbols = [part for part in request.query_params.get("symbols", "").split(",") if part]
    return ok({symbol: [] for symbol in symbols}) if symbols else bad_request("symbols is required")


def instrument_of(world: World, conid: object) -> Instrument | None:
    return world.market.instruments.get(numbers.conid(conid) or 0)


routes = [
    Route("/iserver/secdef/search", search, methods=["GET", "POST"]),
    Route("/iserver/secdef/info", secdef_info),
    Route("/iserver/secdef/strikes", strikes),
    Route("/iserver/contract/{conid}/info", contract_info),
    Route("/iserver/contract/{conid}/algos", algos),
    Route("/trsrv/secdef", definitions),
    Route("/trsrv/stocks", stocks),
    Route("/trsrv/futures", futures),
    Route("/trsrv/all-conids", all_conids),
]
