"""
The rows of a stream, put together: sparse, doubled and late ones included.

Source: Client Portal API field notes, "WebSocket": after a first full row only changed fields come,
and an execution comes again once its commission is known.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from backend.brokers.client_portal import order_rows
from backend.brokers.client_portal.parsing import parse_number
from backend.brokers.orders import BrokerFill, OrderDelta, OrderStatus
from backend.core.errors import OutsideError
from backend.core.logging import get_logger

log = get_logger(__name__)

_MOMENT = "lastExecutionTime_r"
_TOLD = frozenset(
    {
        "status",
        "totalSize",
        "filledQuantity",
        "avgPrice",
        "price",
        "auxPrice",
        "stop_price",
        "order_cancellation_by_system_reason",
        "order_ref",
    }
)
_ENDS = (OrderStatus.FILLED, OrderStatus.CANCELLED)


class OrderFeed:
    """What one connection has told of one account's orders and executions."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._rows: dict[str, dict[str, Any]] = {}
        self._moments: dict[str, dict[str, int]] = {}
        """When each field of each row was changed, by the gateway's word."""
        self._fills: dict[str, BrokerFill] = {}

    def orders(self, rows: object) -> Iterator[OrderDelta]:
        for row in _mappings(rows):
            try:
                delta = self._order(row)
            except OutsideError as error:
                # The next reading of all orders tells what this row should have.
                log.warning("order_row_unreadable", order=row.get("orderId"), error=error.message)
                continue
            if delta is not None:
                yield delta

    def fills(self, rows: object) -> Iterator[BrokerFill]:
        for row in _mappings(rows):
            try:
                fill = order_rows.fill(row)
            except (OutsideError, KeyError) as error:
                log.warning("fill_row_unreadable", fill=row.get("execution_id"), error=str(error))
                continue
            if self._is_ours(row) and self._fills.get(fill.id) != fill:
                self._fills[fill.id] = fill
                yield fill

    def _order(self, row: Mapping[str, Any]) -> OrderDelta | None:
        order_id = str(row.get("orderId"))
        known = self._rows.setdefault(order_id, {})
        if not self._is_ours({**known, **row}):
            return None
        changed = self._merge(known, self._moments.setdefault(order_id, {}), row)
        return order_rows.delta(changed, known) if _TOLD & changed.keys() else None

    def _merge(
        self, known: dict[str, Any], moments: dict[str, int], row: Mapping[str, Any]
    ) -> dict[str, Any]:
        """What is new of the row; a frame that comes late changes nothing that was told since."""
        moment = int(parse_number(row.get(_MOMENT)) or moments.get(_MOMENT, 0))
        changed = {}
        for name, value in row.items():
            if moment < moments.get(name, 0) or _is_step_back(name, known.get(name), value):
                continue
            if known.get(name) != value:
                changed[name] = known[name] = value
            moments[name] = moment
        return changed

    def _is_ours(self, row: Mapping[str, Any]) -> bool:
        return (row.get("acct") or row.get("account") or self._account) == self._account


def _is_step_back(name: str, old: object, new: object) -> bool:
    """Within one millisecond nothing but the course of things tells which came first."""
    if name == "status":
        return order_rows.status(old) in _ENDS and order_rows.status(new) not in _ENDS
    if name == "filledQuantity":
        return (parse_number(new) or 0) < (parse_number(old) or 0)
    return False


def _mappings(rows: object) -> list[Mapping[str, Any]]:
    listed = rows if isinstance(rows, list) else [rows]
    return [row for row in listed if isinstance(row, Mapping)]
