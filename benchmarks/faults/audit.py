"""The broker's own books beside our tables: what is there twice, unknown, bare or missing."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend import storage
from backend.core.database import transaction
from backend.executions import verify
from backend.executions.models import Execution, Status
from backend.papergateway.account import ACCOUNT
from backend.papergateway.books import OTHER_HAND
from backend.portfolio.books.models import Adjustment, Fill
from backend.portfolio.orders.models import Order, Role, RoundTrip
from backend.trading.order_state import FINAL, OrderState

_AT_WORK = ("PendingSubmit", "PreSubmitted", "Submitted", "PendingCancel")
_UNSURE = (OrderState.PLANNED, OrderState.SENDING, OrderState.UNKNOWN)
KINDS = {
    "duplicates": "more shares entered or at work to enter than an execution planned",
    "orphans": "orders at work at the broker that we do not know, or think over",
    "bare": "shares of a round trip that no stop at the broker protects",
    "dangling": "exits at work at the broker for more shares than are held",
    "drift": "instruments of which we believe to hold another number than the broker",
    "fills": "executions at the broker that we do not have, or with another commission",
    "unsure": "orders whose state nobody knows although their execution is over",
    "unfinished": "executions that came to no end",
    "lineage": "executions whose record is not whole",
}


@dataclass
class Findings:
    """Sentences by kind; none is what everybody wants."""

    found: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, sentence: str) -> None:
        self.found.setdefault(kind, []).append(sentence)

    def count(self, kind: str) -> int:
        return len(self.found.get(kind, ()))

    def __bool__(self) -> bool:
        return bool(self.found)

    def sentences(self) -> Iterable[str]:
        return (f"{kind}: {each}" for kind, some in self.found.items() for each in some)


def audit(books: dict[str, Any], executions: Iterable[int]) -> Findings:
    """`books` as the paper gateway's control plane tells them, past every cache."""
    findings = Findings()
    with transaction() as session:
        laid = _Laid(session, books)
    for check in (_entries, _unknown, _protection, _positions, _fills, _unsure):
        check(laid, findings)
    _unfinished(set(executions), findings)
    _lineage(set(executions), findings)
    return findings


class _Laid:
    """Both sides, joined by the client order id."""

    def __init__(self, session: Session, books: dict[str, Any]) -> None:
        self.rows: list[dict[str, Any]] = books["orders"]
        self.trades: dict[str, dict[str, Any]] = {
            each["execution_id"]: each for each in books["trades"]
        }
        self.positions: dict[str, Any] = books["positions"]
        self.orders = {order.client_order_id: order for order in session.scalars(select(Order))}
        self.trips = {trip.id: trip for trip in session.scalars(select(RoundTrip))}
        self.fills = {fill.id: fill for fill in session.scalars(select(Fill))}
        self.adjustments = list(session.scalars(select(Adjustment)))

    def ours(self, row: dict[str, Any]) -> Order | None:
        return self.orders.get(row.get("order_ref") or "")


def _is_at_work(row: dict[str, Any]) -> bool:
    return row["status"] in _AT_WORK


def _may_fill(row: dict[str, Any]) -> Decimal:
    filled = Decimal(str(row["filledQuantity"]))
    left = Decimal(str(row["remainingQuantity"])) if _is_at_work(row) else Decimal(0)
    return filled + left


def _entries(laid: _Laid, findings: Findings) -> None:
    shares: Counter[int] = Counter()
    for row in laid.rows:
        order = laid.ours(row)
        if order is not None and order.role is Role.ENTRY and order.round_trip_id is not None:
            shares[order.round_trip_id] += int(_may_fill(row))
    for trip_id, entered in shares.items():
        trip = laid.trips[trip_id]
        if entered > trip.quantity:
            findings.add(
                "duplicates",
                f"{entered} of {trip.symbol} for the {trip.quantity:f} of {trip.execution_id}",
            )


def _unknown(laid: _Laid, findings: Findings) -> None:
    for row in laid.rows:
        if not _is_at_work(row) or row["submitter"] == OTHER_HAND:
            continue
        order = laid.ours(row)
        if order is None:
            findings.add("orphans", f"{row['orderDesc']} {row.get('order_ref')} is not ours")
        elif order.state in FINAL or order.state is OrderState.LOST:
            findings.add("orphans", f"{row['orderDesc']} {row['order_ref']} is {order.state} to us")


def _protection(laid: _Laid, findings: Findings) -> None:
    """By round trip: shares held against those that stops, and exits of any kind, would sell."""
    held: Counter[int] = Counter()
    stops: Counter[int] = Counter()
    exits: dict[int, list[int]] = {}
    for row in laid.rows:
        order = laid.ours(row)
        if order is None or order.round_trip_id is None:
            continue
        trip, filled = order.round_trip_id, int(row["filledQuantity"])
        held[trip] += filled if order.role is Role.ENTRY else -filled
        if order.role is not Role.ENTRY and _is_at_work(row):
            left = int(row["remainingQuantity"])
            exits.setdefault(trip, []).append(left)
            if "STOP" in row["origOrderType"] or order.role in (Role.EXIT, Role.FLATTEN):
                stops[trip] += left
    entries_at_work = _entries_at_work(laid)
    for trip, shares in held.items():
        if stops[trip] < shares:
            findings.add("bare", f"{shares} of {laid.trips[trip].symbol}, stops for {stops[trip]}")
        most = max(exits.get(trip, [0]))
        if trip not in entries_at_work and most > max(shares, 0):
            findings.add(
                "dangling", f"exits for {most} of {laid.trips[trip].symbol}, {shares} held"
            )


def _entries_at_work(laid: _Laid) -> set[int | None]:
    orders = ((laid.ours(row), row) for row in laid.rows)
    return {
        order.round_trip_id
        for order, row in orders
        if order is not None and order.role is Role.ENTRY and _is_at_work(row)
    }


def _positions(laid: _Laid, findings: Findings) -> None:
    ours: Counter[str] = Counter()
    for fill in laid.fills.values():
        if fill.order_id is not None:
            ours[fill.symbol] += int(fill.quantity if fill.side == "BUY" else -fill.quantity)
    for adjustment in laid.adjustments:
        ours[adjustment.symbol] += int(adjustment.quantity)
    for symbol in ours.keys() | laid.positions.keys():
        if ours[symbol] != int(laid.positions.get(symbol, 0)):
            findings.add("drift", f"{symbol}: {ours[symbol]}, {laid.positions.get(symbol, 0)}")


def _fills(laid: _Laid, findings: Findings) -> None:
    for name, trade in laid.trades.items():
        fill = laid.fills.get(name)
        if fill is None:
            findings.add("fills", f"{trade['order_description']} of {trade.get('order_ref')}")
        elif "commission" in trade and fill.commission != Decimal(trade["commission"]):
            findings.add("fills", f"{name}: {fill.commission}, not {trade['commission']}")


def _unsure(laid: _Laid, findings: Findings) -> None:
    for order in laid.orders.values():
        if order.state in _UNSURE and order.account == ACCOUNT:
            findings.add("unsure", f"{order.client_order_id} is {order.state}")


def _unfinished(executions: set[int], findings: Findings) -> None:
    query = select(Execution).where(
        Execution.id.in_(executions), Execution.status != Status.FINISHED
    )
    with transaction() as session:
        for execution in session.scalars(query):
            findings.add(
                "unfinished", f"{execution.id} is {execution.status}: {execution.reason_code}"
            )


def _lineage(executions: set[int], findings: Findings) -> None:
    kept = storage.from_settings()
    with transaction() as session:
        for number in sorted(executions):
            execution = session.get_one(Execution, number)
            report = verify.verify(session, kept, execution)
            if execution.status is Status.FINISHED and not report.is_intact:
                findings.add("lineage", f"{number}: {report.sentence}")
