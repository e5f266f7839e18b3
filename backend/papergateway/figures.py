"""The account in IBKR's figures: the summary's keys and the ledger's fields."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.papergateway.account import ACCOUNT, CURRENCY
from backend.papergateway.trading import balances
from backend.papergateway.trading.balances import Balances
from backend.papergateway.world import World

SEGMENTS = {"": "all", "-S": "securities", "-C": "commodities", "-P": "crypto"}
EVERYWHERE = ("", "-C", "-S", "-P")
TOTAL_AND_SECURITIES = ("", "-S")

# Keys as the WebSocket spells them; REST has the same in lower case. Recorded from a paper margin
# account (source S6 of the reference): name, suffixes, and which of the balances it is, if any.
_MONEY: tuple[tuple[str, tuple[str, ...], str | None], ...] = (
    ("AccruedCash", EVERYWHERE, None),
    ("AccruedDividend", EVERYWHERE, None),
    ("AvailableFunds", EVERYWHERE, "available"),
    ("Billable", EVERYWHERE, None),
    ("BuyingPower", ("",), "buying_power"),
    ("EquityWithLoanValue", EVERYWHERE, "equity"),
    ("ExcessLiquidity", EVERYWHERE, "available"),
    ("FullAvailableFunds", EVERYWHERE, "available"),
    ("FullExcessLiquidity", EVERYWHERE, "available"),
    ("FullInitMarginReq", EVERYWHERE, "margin"),
    ("FullMaintMarginReq", EVERYWHERE, "margin"),
    ("GrossPositionValue", TOTAL_AND_SECURITIES, "gross"),
    ("Guarantee", EVERYWHERE, None),
    ("IncentiveCoupons", EVERYWHERE, None),
    ("IndianStockHaircut", EVERYWHERE, None),
    ("InitMarginReq", EVERYWHERE, "margin"),
    ("LookAheadAvailableFunds", EVERYWHERE, "available"),
    ("LookAheadExcessLiquidity", EVERYWHERE, "available"),
    ("LookAheadInitMarginReq", EVERYWHERE, "margin"),
    ("LookAheadMaintMarginReq", EVERYWHERE, "margin"),
    ("MaintMarginReq", EVERYWHERE, "margin"),
    ("NetLiquidation", EVERYWHERE, "equity"),
    ("NetLiquidationUncertainty", ("",), None),
    ("PASharesValue", EVERYWHERE, None),
    ("PhysicalCertificateValue", EVERYWHERE, None),
    ("PostExpirationExcess", EVERYWHERE, None),
    ("PostExpirationMargin", EVERYWHERE, None),
    ("PreviousDayEquityWithLoanValue", TOTAL_AND_SECURITIES, "day_equity"),
    ("RegTEquity", TOTAL_AND_SECURITIES, "equity"),
    ("RegTMargin", TOTAL_AND_SECURITIES, "overnight"),
    ("SMA", TOTAL_AND_SECURITIES, "special_memorandum"),
    ("TotalCashValue", EVERYWHERE, "cash"),
    ("TotalDebitCardPendingCharges", EVERYWHERE, None),
)
_TEXTS = {
    "AccountCode": ACCOUNT,
    "AccountReady": "true",
    "AccountType": "INDIVIDUAL",
    "ColumnPrio-C": "2",
    "ColumnPrio-P": "5",
    "ColumnPrio-S": "1",
    "DayTradesRemaining": "-1",
    "DayTradesRemainingT+1": "-1",
    "DayTradesRemainingT+2": "-1",
    "DayTradesRemainingT+3": "-1",
    "DayTradesRemainingT+4": "-1",
    "DayTradingStatus-S": "PDT",
    "DepositOnCreditHold": "null",
    "HighestSeverity": "null",
    "NLVAndMarginInReview": "false",
    "SegmentTitle-C": "US Commodities",
    "SegmentTitle-P": "Crypto at Paxos",
    "SegmentTitle-S": "US Securities",
    "TradingType-S": "STKNOPT",
    "WhatIfPMEnabled": "true",
}


@dataclass(frozen=True)
class Figure:
    """One line of the summary: an amount of money, or a text."""

    key: str
    amount: float | None
    text: str | None


def figures(world: World) -> Iterator[Figure]:
    now = balances.of(world.desk)
    for name, suffixes, kind in _MONEY:
        amount = float(getattr(now, kind)) if kind else 0.0
        for suffix in suffixes:
            yield Figure(f"{name}{suffix}", amount if _is_ours(suffix) else 0.0, None)
    for name, text in _TEXTS.items():
        yield Figure(name, None, text)
    yield Figure("Cushion", None, f"{now.cushion.normalize():f}")
    yield Figure("Leverage-S", None, f"{now.leverage:.2f}")
    settled = f"{_new_york(world.now()):%Y%m%d}:"
    for suffix in EVERYWHERE:
        amount_then = f"{now.settled if _is_ours(suffix) else 0:.2f}"
        yield Figure(f"SettledCashByDate{suffix}", None, f"{settled}{amount_then}")
    yield Figure("LookAheadNextChange", None, str(world.now_seconds() // 86_400 * 86_400 + 86_400))


def _is_ours(suffix: str) -> bool:
    """Everything here is securities; commodities and crypto stay empty."""
    return SEGMENTS[suffix] in ("all", "securities")


def _new_york(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo("America/New_York"))


def ledger_rows(world: World) -> dict[str, dict[str, Any]]:
    """The ledger by currency, with BASE; this account holds one currency."""
    now = balances.of(world.desk)
    return {key: _ledger_row(world, now, key) for key in (CURRENCY, "BASE")}


def _ledger_row(world: World, now: Balances, currency: str) -> dict[str, Any]:
    return {
        **dict.fromkeys(_LEDGER_ZEROS, 0.0),
        "settledcash": float(now.settled),
        "cashbalance": float(now.cash),
        "netliquidationvalue": float(now.equity),
        "stockmarketvalue": float(now.stock),
        "unrealizedpnl": float(now.unrealised),
        "realizedpnl": float(now.realised),
        "cashbalancefxsegment": 0.0,
        "exchangerate": 1,
        "sessionid": 1,
        "currency": currency,
        "acctcode": ACCOUNT,
        "key": "LedgerList",
        "timestamp": world.now_seconds(),
        "severity": 0,
        "secondkey": currency,
    }


_LEDGER_ZEROS = (
    "commoditymarketvalue",
    "futuremarketvalue",
    "corporatebondsmarketvalue",
    "warrantsmarketvalue",
    "interest",
    "moneyfunds",
    "funds",
    "issueroptionsmarketvalue",
    "stockoptionmarketvalue",
    "futuresonlypnl",
    "tbondsmarketvalue",
    "futureoptionmarketvalue",
    "tbillsmarketvalue",
    "dividends",
    "cryptocurrencyvalue",
)
