"""
Brackets and one-cancels-all groups.

* A child works once its parent has filled, and for no more shares than that: with a partial fill,
  for the part. When the parent ends unfilled, its children end with it.
* What one child has sold, its brothers no longer need to: together they never close more than the
  parent has opened. A stop over all and two targets over a half each live side by side.
* In a group of equals (`isSingleGroup`) the first fill, even a partial one, cancels the others.
"""

from typing import Protocol

from backend.papergateway.trading.orders import Order, Status

DONE_BY_ANOTHER = "Another order of the group was filled."
_PARENT_GONE = "The parent order ended without a fill."


class Desk(Protocol):
    """What these rules need of the desk that keeps the orders."""

    working: dict[int, Order]
    activated: list[Order]

    def parent(self, order: Order) -> Order | None: ...
    def children(self, order: Order) -> list[Order]: ...
    def refresh(self, order: Order) -> None: ...
    def tell(self, order: Order) -> None: ...
    def cancel(self, order: Order, reason: str | None = None) -> None: ...


def is_live(desk: Desk, order: Order) -> bool:
    parent = desk.parent(order)
    return parent is None or parent.filled > 0


def capacity(desk: Desk, order: Order) -> int:
    """How many shares the order may still get, as far as its family is concerned."""
    parent = desk.parent(order)
    if parent is None:
        return order.remaining
    return parent.filled - sum(child.filled for child in desk.children(parent))


def follow_up(desk: Desk, order: Order) -> None:
    """What an order's fill or end means for the others."""
    if order.filled and order.group is not None:
        _cancel_equals(desk, order)
    parent = desk.parent(order)
    if parent is not None:
        _trim_children(desk, parent)
    for child in desk.children(order):
        if order.filled and child.is_working:
            _activate(desk, child)
        elif order.status is Status.CANCELLED and not child.status.is_done:
            desk.cancel(child, _PARENT_GONE)
    _trim_children(desk, order)


def _cancel_equals(desk: Desk, order: Order) -> None:
    for other in list(desk.working.values()):
        if other.group == order.group and other.id != order.id:
            desk.cancel(other, DONE_BY_ANOTHER)


def _activate(desk: Desk, child: Order) -> None:
    desk.refresh(child)
    desk.activated.append(child)


def _trim_children(desk: Desk, parent: Order) -> None:
    """Once the parent is done, children shrink to what is left to close."""
    if not parent.status.is_done or not parent.filled:
        return
    for child in desk.children(parent):
        left = capacity(desk, child)
        if not child.is_working or child.remaining <= left:
            continue
        if left > 0:
            child.quantity = child.filled + left
            desk.tell(child)
        else:
            desk.cancel(child, DONE_BY_ANOTHER)
