"""iserver accounts: the list that primes everything else, the summary, profit and loss."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway.account import ACCOUNT, CURRENCY
from backend.papergateway.answers import bad_request, error, failed, html, json_body, ok, world_of
from backend.papergateway.login import SERVER_INFO
from backend.papergateway.trading import balances
from backend.papergateway.trading.balances import Balances
from backend.papergateway.world import World

PROPERTIES = {
    "hasChildAccounts": False,
    "supportsCashQty": True,
    "liteUnderPro": False,
    "noFXConv": False,
    "isProp": False,
    "supportsFractions": False,
    "allowCustomerTime": False,
    "autoFx": False,
}
FEATURES = {
    "showGFIS": True,
    "showEUCostReport": False,
    "allowEventContract": True,
    "allowFXConv": True,
    "allowFinancialLens": False,
    "allowMTA": True,
    "allowTypeAhead": True,
    "allowEventTrading": True,
    "snapshotRefreshTimeout": 30,
    "liteUser": False,
    "showWebNews": True,
    "research": True,
    "debugPnl": True,
    "showTaxOpt": True,
    "showImpactDashboard": True,
    "allowDynAccount": False,
    "allowCrypto": False,
    "allowFA": False,
    "allowedAssetTypes": "STK,CFD,OPT,FOP,WAR,FUT,BAG,CASH,IND,BOND,FUND",
}
CHART_PERIODS = {
    "STK": ["*"],
    "CFD": ["*"],
    "OPT": ["2h", "1d", "2d", "1w", "1m"],
    "FOP": ["2h", "1d", "2d", "1w", "1m"],
    "WAR": ["*"],
    "IND": ["*"],
    "FUT": ["*"],
    "CASH": ["*"],
    "BOND": ["*"],
    "FUND": ["*"],
}


def accounts_document(world: World) -> dict[str, Any]:
    """The answer of iserver/accounts, pushed over the WebSocket as `act`, too."""
    return {
        "accounts": [ACCOUNT],
        "acctProps": {ACCOUNT: PROPERTIES},
        "aliases": {ACCOUNT: ACCOUNT},
        "allowFeatures": FEATURES,
        "chartPeriods": CHART_PERIODS,
        "groups": [],
        "profiles": [],
        "selectedAccount": ACCOUNT,
        "serverInfo": SERVER_INFO,
        "sessionId": f"{world.session.id[:8]}.00000001",
        "isFT": False,
        "isPaper": True,
        "simulated": True,
    }


def not_primed(world: World) -> Response | None:
    """The refusal of every call that needs iserver/accounts first, or None when it was called."""
    if world.session.has_queried_accounts:
        return None
    words = "Please query /accounts first"
    status = world.session.priming_status
    return bad_request(words) if status == 400 else failed(status, words)


async def accounts(request: Request) -> Response:
    world = world_of(request)
    world.session.has_queried_accounts = True
    return ok(accounts_document(world))


async def select_account(request: Request) -> Response:
    wanted = (await json_body(request)).get("acctId")
    if not wanted:
        return bad_request("acctId is required")
    if wanted != ACCOUNT:
        return error(500, "Invalid account ID")
    return ok({"success": "Account already set"})


async def summary(request: Request) -> Response:
    world, account = world_of(request), request.path_params["account"]
    if refusal := not_primed(world):
        return refusal
    if account != ACCOUNT:
        return bad_request(f"accountId is not valid: {account}")
    now = balances.of(world.desk)
    cash, settled = float(now.cash), float(now.settled)
    return ok(
        {
            "accountType": "",
            "status": "",
            **{name: float(read(now)) for name, read in _FIGURES.items()},
            "regTLoan": 0.0,
            "accruedInterest": 0.0,
            "cashBalances": [
                {"currency": CURRENCY, "balance": cash, "settledCash": settled},
                {"currency": "Total (in USD)", "balance": cash, "settledCash": settled},
            ],
        }
    )


_FIGURES: dict[str, Callable[[Balances], Decimal]] = {
    "balance": lambda now: now.equity,
    "SMA": lambda now: now.special_memorandum,
    "buyingPower": lambda now: now.buying_power,
    "availableFunds": lambda now: now.available,
    "excessLiquidity": lambda now: now.available,
    "netLiquidationValue": lambda now: now.equity,
    "equityWithLoanValue": lambda now: now.equity,
    "securitiesGVP": lambda now: now.gross,
    "totalCashValue": lambda now: now.cash,
    "regTMargin": lambda now: now.overnight,
    "initialMargin": lambda now: now.margin,
    "maintenanceMargin": lambda now: now.margin,
}


async def segments(request: Request) -> Response:
    """The summary's sub-pages: leaves are strings with thousands separators and currency."""
    world, account = world_of(request), request.path_params["account"]
    if refusal := not_primed(world):
        return refusal
    rows = _SEGMENT_ROWS.get(request.path_params["page"])
    if rows is None:
        return html(404, "Not Found")
    if account != ACCOUNT:
        return bad_request(f"accountId is not valid: {account}")
    now = balances.of(world.desk)
    return ok(
        {
            segment: {
                name: _money(Decimal(0) if segment == "commodities" else read(now))
                for name, read in rows.items()
            }
            for segment in ("total", "securities", "commodities")
        }
    )


_SEGMENT_ROWS: dict[str, dict[str, Callable[[Balances], Decimal]]] = {
    "available_funds": {
        "current_available": lambda now: now.available,
        "current_excess": lambda now: now.available,
        "prdctd_pst-xpry_excss": lambda now: Decimal(0),
        "lk_ahd_avlbl_fnds": lambda now: now.available,
        "lk_ahd_excss_lqdty": lambda now: now.available,
        "overnight_available": lambda now: now.special_memorandum,
        "overnight_excess": lambda now: now.special_memorandum,
    },
    "balances": {
        "net_liquidation": lambda now: now.equity,
        "equity_with_loan": lambda now: now.equity,
        "cash": lambda now: now.cash,
        "securities_gross_position_value": lambda now: now.gross,
        "reg_t_margin": lambda now: now.overnight,
    },
    "margins": {
        "current_initial": lambda now: now.margin,
        "current_maint": lambda now: now.margin,
        "prdctd_pst-xpry_mrgn_@_opn": lambda now: Decimal(0),
        "projected_liquidity_inital_margin": lambda now: now.margin,
        "projected_overnight_initial_mrgn": lambda now: now.overnight,
        "projected_overnight_maint_mrgn": lambda now: now.overnight,
    },
    "market_value": {
        "total_cash": lambda now: now.cash,
        "net_liquidation": lambda now: now.equity,
        "stock": lambda now: now.stock,
        "options": lambda now: Decimal(0),
    },
}


def _money(amount: Decimal) -> str:
    return f"{amount:,.0f} {CURRENCY}"


async def profit_and_loss(request: Request) -> Response:
    """Cold on the first call of a session."""
    world = world_of(request)
    if not world.account.is_warm("pnl"):
        return ok({"upnl": {}})
    return ok({"upnl": pnl_rows(world)})


def pnl_rows(world: World) -> dict[str, Any]:
    now = balances.of(world.desk)
    row = {
        "rowType": 1,
        "dpl": float(now.day),
        "nl": float(now.equity),
        "upl": float(now.unrealised),
        "el": float(now.available),
        "mv": float(now.stock),
    }
    return {f"{ACCOUNT}.Core": row}


async def search(request: Request) -> Response:
    pattern = request.path_params["pattern"].upper()
    matched = [{"accountId": ACCOUNT, "alias": ACCOUNT, "allocationId": "1"}]
    return ok({"matchedAccounts": matched if pattern in ACCOUNT else [], "pattern": pattern})


routes = [
    Route("/iserver/accounts", accounts),
    Route("/iserver/account", select_account, methods=["POST"]),
    Route("/iserver/account/pnl/partitioned", profit_and_loss),
    Route("/iserver/account/search/{pattern}", search),
    Route("/iserver/account/{account}/summary", summary),
    Route("/iserver/account/{account}/summary/{page}", segments),
]
