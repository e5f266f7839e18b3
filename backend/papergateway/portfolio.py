"""Portfolio reads: accounts, summary, ledger, positions with their cache, allocation."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway import figures, numbers, positions
from backend.papergateway.account import ACCOUNT, CURRENCY
from backend.papergateway.answers import bad_request, empty, ok, world_of
from backend.papergateway.trading import balances
from backend.papergateway.trading.ledger import Position
from backend.papergateway.world import World

SUBACCOUNTS_PAGE = 20
Endpoint = Callable[[Request], Awaitable[Response]]


def _account_document(world: World) -> dict[str, Any]:
    return {
        "id": ACCOUNT,
        "PrepaidCrypto-Z": False,
        "PrepaidCrypto-P": False,
        "brokerageAccess": True,
        "accountId": ACCOUNT,
        "accountVan": ACCOUNT,
        "accountTitle": "Glassbox Paper (simulated)",
        "displayName": "Glassbox Paper (simulated)",
        "accountAlias": None,
        "accountStatus": world.desk.state.opened_ms,
        "currency": CURRENCY,
        "type": "DEMO",
        "tradingType": "STKNOPT",
        "businessType": "INDEPENDENT",
        "category": "",
        "ibEntity": "IBLLC-US",
        "faclient": False,
        "clearingStatus": "O",
        "covestor": False,
        "noClientTrading": False,
        "trackVirtualFXPortfolio": True,
        "acctCustType": "INDIVIDUAL",
        "parent": {
            "mmc": [],
            "accountId": "",
            "isMParent": False,
            "isMChild": False,
            "isMultiplex": False,
        },
        "desc": ACCOUNT,
    }


async def accounts(request: Request) -> Response:
    """Primes the other portfolio calls of this session."""
    world = world_of(request)
    world.session.has_queried_portfolio = True
    return ok([_account_document(world)])


async def subaccounts_paged(request: Request) -> Response:
    world = world_of(request)
    world.session.has_queried_portfolio = True
    page = numbers.whole(request.query_params.get("page", "0"))
    if page is None:
        return bad_request("page must be a number")
    rows = [_account_document(world)] if page == 0 else []
    metadata = {"total": 1, "pageSize": SUBACCOUNTS_PAGE, "pageNum": page}
    return ok({"metadata": metadata, "subaccounts": rows})


def _of_account(answer: Endpoint) -> Endpoint:
    """Only after priming; and an account that this login does not hold is a 401 without a body."""

    async def checked(request: Request) -> Response:
        if not world_of(request).session.has_queried_portfolio:
            return bad_request("Please query /accounts first")
        if request.path_params["account"] != ACCOUNT:
            return empty(401)
        return await answer(request)

    return checked


async def meta(request: Request) -> Response:
    return ok(_account_document(world_of(request)))


async def summary(request: Request) -> Response:
    """Money stands in `amount`, texts and ratios in `value`."""
    world = world_of(request)
    now_ms = world.now_ms()
    return ok(
        {
            figure.key.lower(): {
                "amount": figure.amount or 0.0,
                "currency": CURRENCY if figure.text is None else None,
                "isNull": False,
                "timestamp": now_ms,
                "value": figure.text,
                "severity": 0,
            }
            for figure in figures.figures(world)
        }
    )


async def ledger(request: Request) -> Response:
    return ok(figures.ledger_rows(world_of(request)))


async def positions_page(request: Request) -> Response:
    """
    A hundred rows from a cache; a page past the end is empty.

    The first read of a session is sparse, later ones have the contracts' definitions.
    """
    world, page = world_of(request), numbers.whole(request.path_params["page"])
    if page is None:
        return bad_request("page must be a number")
    rows = _cached(world, request)
    return ok(rows[page * positions.PAGE : (page + 1) * positions.PAGE])


def _cached(world: World, request: Request) -> list[dict[str, Any]]:
    account, now_ms = world.account, world.now_ms()
    was_warm = account.is_warm("positions")
    made_ms = account.positions_ms
    if made_ms is None or now_ms - made_ms >= positions.CACHED_MS:
        make = positions.enriched if was_warm else positions.sparse
        account.positions = [make(world.desk, each) for each in _chosen(world, request)]
        # A sparse page is completed by the next read.
        account.positions_ms = now_ms if was_warm else None
    return account.positions


def _chosen(world: World, request: Request) -> list[Position]:
    query = request.query_params
    return positions.chosen(world.desk, sort=query.get("sort"), direction=query.get("direction"))


async def positions_uncached(request: Request) -> Response:
    world = world_of(request)
    return ok([positions.uncached(world.desk, each) for each in _chosen(world, request)])


async def position(request: Request) -> Response:
    return ok(_of_contract(request))


def _of_contract(request: Request) -> list[dict[str, Any]]:
    world, conid = world_of(request), numbers.conid(request.path_params["conid"])
    held = world.desk.state.books.positions.get(conid or 0)
    return [positions.enriched(world.desk, held)] if held else []


async def no_rows(request: Request) -> Response:
    """There are no combinations here."""
    return ok([])


async def invalidate(request: Request) -> Response:
    world_of(request).account.positions_ms = None
    return ok({"message": "success"})


async def allocation(request: Request) -> Response:
    return ok(_allocation(world_of(request)))


async def consolidated_allocation(request: Request) -> Response:
    """POST as documented; ibind asks by GET, which is let through."""
    return ok(_allocation(world_of(request)))


def _allocation(world: World) -> dict[str, Any]:
    asset_class, sector, group = _sides(), _sides(), _sides()
    cash = balances.of(world.desk).cash
    asset_class["long" if cash >= 0 else "short"]["CASH"] = float(cash)
    for held in world.desk.state.books.positions.values():
        instrument = world.market.instruments[held.conid]
        value = float(world.desk.mark(held.conid, world.now_ms()) * held.quantity)
        side = "long" if value > 0 else "short"
        names = ((asset_class, "STK"), (sector, instrument.industry), (group, instrument.category))
        for table, name in names:
            if value:
                table[side][name] = table[side].get(name, 0.0) + value
    return {"assetClass": asset_class, "sector": sector, "group": group}


def _sides() -> dict[str, dict[str, float]]:
    return {"long": {}, "short": {}}


async def position_everywhere(request: Request) -> Response:
    """portfolio/positions/{conid}: an object by account."""
    if not world_of(request).session.has_queried_portfolio:
        return bad_request("Please query /accounts first")
    rows = _of_contract(request)
    return ok({ACCOUNT: rows} if rows else {})


routes = [
    Route("/portfolio/accounts", accounts),
    Route("/portfolio/subaccounts", accounts),
    Route("/portfolio/subaccounts2", subaccounts_paged),
    Route("/portfolio/allocation", consolidated_allocation, methods=["GET", "POST"]),
    Route("/portfolio/positions/{conid}", position_everywhere),
    Route("/portfolio/{account}/meta", _of_account(meta)),
    Route("/portfolio/{account}/summary", _of_account(summary)),
    Route("/portfolio/{account}/ledger", _of_account(ledger)),
    Route("/portfolio/{account}/allocation", _of_account(allocation)),
    Route("/portfolio/{account}/positions/invalidate", _of_account(invalidate), methods=["POST"]),
    Route("/portfolio/{account}/positions/{page}", _of_account(positions_page)),
    Route("/portfolio/{account}/position/{conid}", _of_account(position)),
    Route("/portfolio/{account}/combo/positions", _of_account(no_rows)),
    Route("/portfolio2/{account}/positions", _of_account(positions_uncached)),
]
