"""Which orders a kill switch cancels: judged by what is held, so that protection stays."""

from decimal import Decimal
from typing import Protocol

_STOPS = ("STP", "STOP", "TRAIL")


class WorkingOrder(Protocol):
    """What is asked of an order; quantities in shares."""

    @property
    def side(self) -> str: ...
    @property
    def order_type(self) -> str: ...
    @property
    def quantity(self) -> Decimal: ...
    @property
    def filled(self) -> Decimal: ...


def opens_or_adds(order: WorkingOrder, held: Decimal) -> bool:
    """
    Whether the order could make a position larger, open one, or turn it over.

    `held` are the shares of its instrument, negative when short. A stop against what is held is
    left however large it is: the broker cuts those of a bracket to what their entry has filled,
    and a position without its stop is worse than a stop that is too large.
    """
    left = order.quantity - order.filled
    shrinks = held > 0 if order.side == "SELL" else held < 0
    if not shrinks:
        return True
    is_stop = order.order_type.upper().replace(" ", "_").startswith(_STOPS)
    return not is_stop and left > abs(held)
