"""The account in IBKR's figures: the summary's keys and the ledger's fields."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.papergateway.account import ACCOUNT, CURRENCY, LEVERAGE
from backend.papergateway.world import World

SEGMENTS = {"": "all", "-S": "securities", "-C": "commodities", "-P": "crypto"}
EVERYWHERE = ("", "-C", "-S", "-P")
TOTAL_AND_SECURITIES = ("", "-S")

# Keys as the WebSocket spells them; REST has the same in lower case. Recorded from a paper margin
# account (source S6 of the reference): name, suffixes, and what the figure is of.
_MONEY: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("AccruedCash", EVERYWHERE, "nothing"),
    ("AccruedDividend", EVERYWHERE, "nothing"),
    ("AvailableFunds", EVERYWHERE, "cash"),
    ("Billable", EVERYWHERE, "nothing"),
    ("BuyingPower", ("",), "buying power"),
    ("EquityWithLoanValue", EVERYWHERE, "cash"),
    ("ExcessLiquidity", EVERYWHERE, "cash"),
    ("FullAvailableFunds", EVERYWHERE, "cash"),
    ("FullExcessLiquidity", EVERYWHERE, "cash"),
    ("FullInitMarginReq", EVERYWHERE, "nothing"),
    ("FullMaintMarginReq", EVERYWHERE, "nothing"),
    ("GrossPositionValue", TOTAL_AND_SECURITIES, "nothing"),
    ("Guarantee", EVERYWHERE, "nothing"),
    ("IncentiveCoupons", EVERYWHERE, "nothing"),
    ("IndianStockHaircut", EVERYWHERE, "nothing"),
    ("InitMarginReq", EVERYWHERE, "nothing"),
    ("LookAheadAvailableFunds", EVERYWHERE, "cash"),
    ("LookAheadExcessLiquidity", EVERYWHERE, "cash"),
    ("LookAheadInitMarginReq", EVERYWHERE, "nothing"),
    ("LookAheadMaintMarginReq", EVERYWHERE, "nothing"),
    ("MaintMarginReq", EVERYWHERE, "nothing"),
    ("NetLiquidation", EVERYWHERE, "cash"),
    ("NetLiquidationUncertainty", ("",), "nothing"),
    ("PASharesValue", EVERYWHERE, "nothing"),
    ("PhysicalCertificateValue", EVERYWHERE, "nothing"),
    ("PostExpirationExcess", EVERYWHERE, "nothing"),
    ("PostExpirationMargin", EVERYWHERE, "nothing"),
    ("PreviousDayEquityWithLoanValue", TOTAL_AND_SECURITIES, "cash"),
    ("RegTEquity", TOTAL_AND_SECURITIES, "cash"),
    ("RegTMargin", TOTAL_AND_SECURITIES, "nothing"),
    ("SMA", TOTAL_AND_SECURITIES, "cash"),
    ("TotalCashValue", EVERYWHERE, "cash"),
    ("TotalDebitCardPendingCharges", EVERYWHERE, "nothing"),
)
_TEXTS = {
    "AccountCode": ACCOUNT,
    "AccountReady": "true",
    "AccountType": "INDIVIDUAL",
    "ColumnPrio-C": "2",
    "ColumnPrio-P": "5",
    "ColumnPrio-S": "1",
    "Cushion": "1",
    "DayTradesRemaining": "-1",
    "DayTradesRemainingT+1": "-1",
    "DayTradesRemainingT+2": "-1",
    "DayTradesRemainingT+3": "-1",
    "DayTradesRemainingT+4": "-1",
    "DayTradingStatus-S": "PDT",
    "DepositOnCreditHold": "null",
    "HighestSeverity": "null",
    "Leverage-S": "0.00",
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
    cash = float(world.account.cash)
    amounts = {"cash": cash, "nothing": 0.0, "buying power": cash * LEVERAGE}
    for name, suffixes, kind in _MONEY:
        for suffix in suffixes:
            is_ours = SEGMENTS[suffix] in ("all", "securities")
            yield Figure(f"{name}{suffix}", amounts[kind] if is_ours else 0.0, None)
    for name, text in _TEXTS.items():
        yield Figure(name, None, text)
    settled = f"{_new_york(world.now()):%Y%m%d}:"
    for suffix in EVERYWHERE:
        is_ours = SEGMENTS[suffix] in ("all", "securities")
        amount = f"{cash:.2f}" if is_ours else "0.00"
        yield Figure(f"SettledCashByDate{suffix}", None, f"{settled}{amount}")
    yield Figure("LookAheadNextChange", None, str(world.now_seconds() // 86_400 * 86_400 + 86_400))


def _new_york(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo("America/New_York"))


def ledger_rows(world: World) -> dict[str, dict[str, Any]]:
    """The ledger by currency, with BASE; this account holds one currency."""
    return {key: _ledger_row(world, key) for key in (CURRENCY, "BASE")}


def _ledger_row(world: World, currency: str) -> dict[str, Any]:
    cash = float(world.account.cash)
    return {
        **dict.fromkeys(_LEDGER_ZEROS, 0.0),
        "settledcash": cash,
        "cashbalance": cash,
        "netliquidationvalue": cash,
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
    "unrealizedpnl",
    "stockmarketvalue",
    "moneyfunds",
    "realizedpnl",
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
