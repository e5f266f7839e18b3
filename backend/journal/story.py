"""One round trip in full: its orders, its fills and what happened, in the order of time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.journal.finding import Entry
from backend.portfolio.books.models import Fill
from backend.portfolio.orders.models import Order, OrderTransition
from backend.trading.round_trip import over


@dataclass(frozen=True, kw_only=True)
class Event:
    at: datetime
    what: str
    sentence: str
    by: str


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A price of the round trip; `at` runs from 0, the lowest shown, to 1."""

    kind: str
    label: str
    price: Decimal
    at: float


@dataclass(frozen=True, kw_only=True)
class Story:
    orders: Sequence[Order]
    fills: Sequence[Fill]
    events: Sequence[Event]


def of(session: Session, entry: Entry) -> Story:
    orders = session.scalars(
        select(Order).where(Order.round_trip_id == entry.id).order_by(Order.id)
    ).all()
    ids = [order.id for order in orders]
    fills = session.scalars(
        select(Fill).where(Fill.order_id.in_(ids)).order_by(Fill.at, Fill.id)
    ).all()
    steps = session.scalars(
        select(OrderTransition)
        .where(OrderTransition.order_id.in_(ids))
        .order_by(OrderTransition.at, OrderTransition.id)
    ).all()
    return Story(orders=orders, fills=fills, events=_events(orders, fills, steps))


def _events(
    orders: Sequence[Order], fills: Sequence[Fill], steps: Sequence[OrderTransition]
) -> list[Event]:
    roles = {order.id: order.role.value for order in orders}
    told = [_together(steps, roles) for steps in _at_once(steps)]
    told += [
        Event(
            at=fill.at,
            what=f"{roles[fill.order_id or 0]} fill".capitalize(),
            sentence=f"{_plain(fill.quantity)} at {_plain(fill.price)}, as the broker tells.",
            by=fill.seen_by,
        )
        for fill in fills
    ]
    return sorted(told, key=lambda event: event.at)


def _at_once(steps: Sequence[OrderTransition]) -> Iterator[list[OrderTransition]]:
    """What befell several orders of the round trip in one go is one event."""

    def what(step: OrderTransition) -> tuple[str, str, str]:
        return step.after, step.sentence, step.by

    for _, alike in groupby(steps, key=what):
        yield list(alike)


def _together(steps: Sequence[OrderTransition], roles: dict[int, str]) -> Event:
    names = list(dict.fromkeys(roles[step.order_id] for step in steps))
    first = steps[0]
    said = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    return Event(
        at=first.at,
        what=f"{said} {first.after.value}".capitalize(),
        sentence=first.sentence,
        by=first.by,
    )


def rungs(entry: Entry) -> list[Rung]:
    """Stop, entry, exit and the farthest prices seen meanwhile; none without an entry."""
    prices = [
        ("worst", "Worst", entry.worst_price),
        ("stop", "First stop", entry.stop),
        ("entry", "Entry", entry.entry_price),
        ("exit", "Exit", entry.exit_price),
        ("best", "Best", entry.best_price),
    ]
    if entry.entry_price is None:
        return []
    known = [(kind, label, price) for kind, label, price in prices if price is not None]
    low = min(price for _, _, price in known)
    reach = max(price for _, _, price in known) - low
    return [
        Rung(kind=kind, label=label, price=price, at=float(over(price - low, reach) or 0))
        for kind, label, price in known
    ]


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
