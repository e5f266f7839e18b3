"""The account as the WebSocket's summary and ledger topics tell it: in full first, then sparse."""

from typing import Any

from backend.papergateway import figures
from backend.papergateway.account import ACCOUNT, CURRENCY
from backend.papergateway.world import World

Row = dict[str, Any]
IDENTITY = frozenset({"AccountCode"})
"""Comes along in full whenever anything does: clients tell accounts apart by it."""

# The WebSocket writes the ledger's fields in camel case, REST in one run; not all of them differ.
_CAMEL = {
    "commoditymarketvalue": "commodityMarketValue",
    "futuremarketvalue": "futureMarketValue",
    "corporatebondsmarketvalue": "corporateBondsMarketValue",
    "warrantsmarketvalue": "warrantsMarketValue",
    "unrealizedpnl": "unrealizedPnl",
    "stockmarketvalue": "stockMarketValue",
    "moneyfunds": "moneyFunds",
    "realizedpnl": "realizedPnl",
    "issueroptionsmarketvalue": "issuerOptionsMarketValue",
    "stockoptionmarketvalue": "stockOptionMarketValue",
    "futuresonlypnl": "futuresOnlyPnl",
    "tbondsmarketvalue": "tBondsMarketValue",
    "futureoptionmarketvalue": "futureOptionMarketValue",
    "tbillsmarketvalue": "tBillsMarketValue",
    "cryptocurrencyvalue": "cryptoCurrencyValue",
    "settledcash": "settledCash",
    "netliquidationvalue": "netLiquidationValue",
    "cashbalancefxsegment": "cashBalanceFXSegment",
    "exchangerate": "exchangeRate",
    "sessionid": "sessionId",
    "acctcode": "acctCode",
    "secondkey": "secondKey",
}


def summary_rows(world: World) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for figure in figures.figures(world):
        if figure.text is None:
            rows[figure.key] = {"monetaryValue": figure.amount, "currency": CURRENCY, "severity": 0}
        else:
            rows[figure.key] = {"value": figure.text, "severity": 0}
    # AccountCode leads: clients read the frame's time from the first row.
    return {"AccountCode": {"value": ACCOUNT, "severity": 0}, **rows}


def ledger_rows(world: World) -> dict[str, Row]:
    rows = {}
    for currency, row in reversed(figures.ledger_rows(world).items()):
        named = {_CAMEL.get(name, name): value for name, value in row.items()}
        rows[f"LedgerList{currency}"] = {
            name: value for name, value in named.items() if name not in ("key", "timestamp")
        }
    return rows


def choose(rows: dict[str, Row], keys: list[str], fields: list[str]) -> dict[str, Row]:
    """What a subscription asked for; no keys are all keys, no fields all fields."""
    kept = {key: row for key, row in rows.items() if not keys or key in keys or key in IDENTITY}
    if not fields:
        return kept
    return {
        key: row
        if key in IDENTITY
        else {name: value for name, value in row.items() if name in (*fields, "acctCode")}
        for key, row in kept.items()
    }


def changes(before: dict[str, Row], now: dict[str, Row], seconds: int) -> list[Row]:
    """Changed rows in full, the others shrunk to key and time stamp."""
    changed = {key for key, row in now.items() if before.get(key) != row}
    if changed:
        changed |= IDENTITY & now.keys()
    return [
        {"key": key, "timestamp": seconds, **(row if key in changed else {})}
        for key, row in now.items()
    ]
