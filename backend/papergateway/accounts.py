"""iserver accounts: the list that primes everything else, the summary, profit and loss."""

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway.account import ACCOUNT, CURRENCY, LEVERAGE
from backend.papergateway.answers import bad_request, error, failed, html, json_body, ok, world_of
from backend.papergateway.login import SERVER_INFO
from backend.papergateway.world import World

PROPERTIES = {
    "hasChildAccounts": False,
    "supportsCashQty": True,
    "liteUnderPro": False,
    "noFXConv": False,
    "isProp": False,
    "supportsFractions": True,
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
    cash = float(world.account.cash)
    return ok(
        {
            "accountType": "",
            "status": "",
            **dict.fromkeys(_CASH_FIELDS, cash),
            **dict.fromkeys(_ZERO_FIELDS, 0.0),
            "buyingPower": cash * LEVERAGE,
            "cashBalances": [
                {"currency": CURRENCY, "balance": cash, "settledCash": cash},
                {"currency": "Total (in USD)", "balance": cash, "settledCash": cash},
            ],
        }
    )


_CASH_FIELDS = (
    "balance",
    "SMA",
    "availableFunds",
    "excessLiquidity",
    "netLiquidationValue",
    "equityWithLoanValue",
    "totalCashValue",
)
_ZERO_FIELDS = (
    "regTLoan",
    "securitiesGVP",
    "accruedInterest",
    "regTMargin",
    "initialMargin",
    "maintenanceMargin",
)


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
    cash, nothing = _money(float(world.account.cash)), _money(0.0)
    return ok(
        {
            segment: {
                name: nothing if segment == "commodities" or is_zero else cash
                for name, is_zero in rows.items()
            }
            for segment in ("total", "securities", "commodities")
        }
    )


_SEGMENT_ROWS: dict[str, dict[str, bool]] = {
    "available_funds": {
        "current_available": False,
        "current_excess": False,
        "prdctd_pst-xpry_excss": True,
        "lk_ahd_avlbl_fnds": False,
        "lk_ahd_excss_lqdty": False,
        "overnight_available": False,
        "overnight_excess": False,
    },
    "balances": {
        "net_liquidation": False,
        "equity_with_loan": False,
        "cash": False,
        "securities_gross_position_value": True,
        "reg_t_margin": True,
    },
    "margins": {
        "current_initial": True,
        "current_maint": True,
        "prdctd_pst-xpry_mrgn_@_opn": True,
        "projected_liquidity_inital_margin": True,
        "projected_overnight_initial_mrgn": True,
        "projected_overnight_maint_mrgn": True,
    },
    "market_value": {"total_cash": False, "net_liquidation": False, "stock": True, "options": True},
}


def _money(amount: float) -> str:
    return f"{amount:,.0f} {CURRENCY}"


async def profit_and_loss(request: Request) -> Response:
    """Cold on the first call of a session."""
    world = world_of(request)
    if not world.account.is_warm("pnl"):
        return ok({"upnl": {}})
    return ok({"upnl": pnl_rows(world)})


def pnl_rows(world: World) -> dict[str, Any]:
    cash = float(world.account.cash)
    row = {"rowType": 1, "dpl": 0.0, "nl": cash, "upl": 0.0, "el": cash, "mv": 0.0}
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
