"""The broker's executions as we keep them: once each, whoever tells of them and however often."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, func, literal_column, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.brokers.orders import BrokerFill
from backend.core.clock import Clock
from backend.portfolio.books.models import Fill
from backend.portfolio.orders.models import Order

_IS_NEW = literal_column("xmax = 0", Boolean)


def keep(
    session: Session, clock: Clock, fills: Iterable[tuple[BrokerFill, int | None]], *, seen_by: str
) -> tuple[list[Fill], set[int]]:
    """
    Keep each fill with the number of the order of ours that it belongs to, None where none does.

    Gives those that were new, and the orders with anything new: a fill, or a commission that came
    later. A fill that is told again without its commission keeps the one that is known.
    """
    rows: dict[str, dict[str, Any]] = {}
    for fill, order_id in fills:
        earlier = rows.get(fill.id, {})
        row = _row(fill, order_id) | {"seen_at": clock.now(), "seen_by": seen_by}
        for name in ("commission", "order_id"):
            row[name] = earlier.get(name) if row[name] is None else row[name]
        rows[fill.id] = row
    if not rows:
        return [], set()
    # In one order, so that two who keep the same fills wait for each other instead of forever.
    kept = _upsert(session, [rows[key] for key in sorted(rows)])
    owners = {fill.order_id for fill, _ in kept if fill.order_id is not None}
    return [fill for fill, is_new in kept if is_new], owners


def _row(fill: BrokerFill, order_id: int | None) -> dict[str, Any]:
    return {
        "id": fill.id,
        "order_id": order_id,
        "account": fill.account,
        "broker_order_id": fill.order_id,
        "symbol": fill.symbol,
        "conid": fill.conid,
        "side": fill.side,
        "quantity": fill.quantity,
        "price": fill.price,
        "commission": fill.commission,
        "at": fill.at,
    }


def _upsert(session: Session, rows: list[dict[str, Any]]) -> list[tuple[Fill, bool]]:
    statement = insert(Fill).values(rows)
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        index_elements=[Fill.id, Fill.account],
        set_={
            "commission": func.coalesce(new.commission, Fill.commission),
            "order_id": func.coalesce(Fill.order_id, new.order_id),
        },
        # Most of a reading is known already, and a row that nothing changes is not written again.
        where=or_(
            func.coalesce(new.commission, Fill.commission).is_distinct_from(Fill.commission),
            func.coalesce(Fill.order_id, new.order_id).is_distinct_from(Fill.order_id),
        ),
    ).returning(Fill, _IS_NEW.label("is_new"))
    answer = session.execute(upsert, execution_options={"populate_existing": True})
    return [(fill, is_new) for fill, is_new in answer]


def adopt(session: Session, orders: Sequence[Order]) -> set[int]:
    """Fills that came before their order was known by the broker's number become its own."""
    numbers = {order.broker_order_id: order for order in orders if order.broker_order_id}
    if not numbers:
        return set()
    account = orders[0].account
    waiting = select(Fill).where(
        Fill.account == account,
        Fill.order_id.is_(None),
        Fill.broker_order_id.in_(numbers),
    )
    adopted = set()
    for fill in session.scalars(waiting):
        fill.order_id = numbers[fill.broker_order_id].id
        adopted.add(fill.order_id)
    return adopted


def of_orders(session: Session, order_ids: Iterable[int]) -> dict[int, list[Fill]]:
    """Oldest first."""
    query = select(Fill).where(Fill.order_id.in_(list(order_ids))).order_by(Fill.at, Fill.id)
    found: dict[int, list[Fill]] = {}
    for fill in session.scalars(query):
        if fill.order_id is not None:
            found.setdefault(fill.order_id, []).append(fill)
    return found


def quantity(fills: Iterable[Fill]) -> Decimal:
    return sum((fill.quantity for fill in fills), Decimal(0))


def worth(fills: Iterable[Fill]) -> Decimal:
    return sum((fill.quantity * fill.price for fill in fills), Decimal(0))


def attribute(session: Session, fill_ids: Iterable[str], account: str, order_id: int) -> None:
    """Fills that nobody of us made become those of an order that a person has explained."""
    session.execute(
        update(Fill)
        .where(Fill.account == account, Fill.id.in_(list(fill_ids)))
        .values(order_id=order_id)
    )
