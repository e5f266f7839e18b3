"""Positions as three endpoints write them: sparse, enriched, and portfolio2's own."""

from decimal import Decimal
from typing import Any

from backend.papergateway.account import ACCOUNT, CURRENCY
from backend.papergateway.contracts import definition
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.ledger import Position

Row = dict[str, Any]
PAGE = 100
CACHED_MS = 30_000
"""IBKR serves positions from a cache; `positions/invalidate` empties it."""


def sparse(desk: Desk, position: Position) -> Row:
    """The first read of a session: 21 keys, without ticker and name."""
    mark = desk.mark(position.conid, desk.now_ms)
    return {
        "acctId": ACCOUNT,
        "conid": position.conid,
        "contractDesc": desk.market.instruments[position.conid].symbol,
        "position": float(position.quantity),
        "mktPrice": float(mark),
        "mktValue": float(mark * position.quantity),
        "currency": CURRENCY,
        "avgCost": _number(position.average_cost),
        "avgPrice": _number(position.average_price),
        "realizedPnl": float(position.realised_today),
        "unrealizedPnl": float(position.unrealised(mark)),
        "exchs": None,
        "expiry": None,
        "putOrCall": None,
        "multiplier": None,
        "strike": 0.0,
        "exerciseStyle": None,
        "conExchMap": [],
        "assetClass": "STK",
        "undConid": 0,
        "model": "",
    }


def _number(amount: Decimal) -> float:
    return float(round(amount, 8))


def enriched(desk: Desk, position: Position) -> Row:
    """Later reads: the same with the base currency's figures and the contract's definition."""
    row = sparse(desk, position)
    base = {
        f"base{name[0].upper()}{name[1:]}": row[name]
        for name in ("mktValue", "mktPrice", "avgCost", "avgPrice", "realizedPnl", "unrealizedPnl")
    }
    return {**row, **base, **definition(desk.market.instruments[position.conid])}


def uncached(desk: Desk, position: Position) -> Row:
    """A row of portfolio2: its conid is a text."""
    instrument = desk.market.instruments[position.conid]
    mark = desk.mark(position.conid, desk.now_ms)
    return {
        "position": float(position.quantity),
        "conid": str(position.conid),
        "avgCost": _number(position.average_cost),
        "avgPrice": _number(position.average_price),
        "currency": CURRENCY,
        "description": instrument.symbol,
        "isLastToLoq": False,
        "marketPrice": float(mark),
        "marketValue": float(mark * position.quantity),
        "realizedPnl": float(position.realised_today),
        "unrealizedPnl": float(position.unrealised(mark)),
        "secType": "STK",
        "timestamp": desk.now_ms // 1000,
        "assetClass": "STK",
        "sector": instrument.industry,
        "group": instrument.category,
        "model": "",
    }


def chosen(desk: Desk, *, sort: str | None, direction: str | None) -> list[Position]:
    """By conid, or by a field of the rows; closed ones linger for the day with quantity zero."""
    held = sorted(desk.state.books.positions.values(), key=lambda each: each.conid)
    if sort:
        rows = {each.conid: sparse(desk, each) for each in held}
        held.sort(key=lambda each: _sortable(rows[each.conid].get(sort)))
    return held[::-1] if direction == "d" else held


def _sortable(value: object) -> tuple[float, str]:
    return (float(value), "") if isinstance(value, int | float) else (0.0, str(value))
