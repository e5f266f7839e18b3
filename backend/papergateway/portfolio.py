"""Portfolio reads of an untouched account: accounts, summary, ledger, positions, allocation."""

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway import figures, numbers
from backend.papergateway.account import ACCOUNT, CURRENCY
from backend.papergateway.answers import bad_request, empty, ok, world_of
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
        "accountStatus": world.account.opened_ms,
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


async def positions(request: Request) -> Response:
    """Nothing is held; a page past the end is empty, too."""
    if numbers.whole(request.path_params["page"]) is None:
        return bad_request("page must be a number")
    return ok([])


async def no_rows(request: Request) -> Response:
    return ok([])


async def invalidate(request: Request) -> Response:
    return ok({"message": "success"})


async def allocation(request: Request) -> Response:
    return ok(_allocation(world_of(request)))


async def consolidated_allocation(request: Request) -> Response:
    """POST as documented; ibind asks by GET, which is let through."""
    return ok(_allocation(world_of(request)))


def _allocation(world: World) -> dict[str, Any]:
    cash = float(world.account.cash)
    return {
        "assetClass": {"long": {"CASH": cash}, "short": {}},
        "sector": {"long": {}, "short": {}},
        "group": {"long": {}, "short": {}},
    }


async def position_everywhere(request: Request) -> Response:
    """portfolio/positions/{conid}: an object by account."""
    if not world_of(request).session.has_queried_portfolio:
        return bad_request("Please query /accounts first")
    return ok({})


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
    Route("/portfolio/{account}/positions/{page}", _of_account(positions)),
    Route("/portfolio/{account}/position/{conid}", _of_account(no_rows)),
    Route("/portfolio/{account}/combo/positions", _of_account(no_rows)),
    Route("/portfolio2/{account}/positions", _of_account(no_rows)),
]
