"""
An order plan taken apart into brackets, as they go to the broker.

Each target gets a bracket of its own: an entry, a stop and that one target, all over the same
shares. The broker then does by itself what has to happen when a target fills: it takes away the
stop over the same shares, and every other bracket keeps its own. One entry with several targets
would leave that to chance: IBKR cancels the other children of an entry when one of them fills, and
a stop that is gone leaves shares bare, while one that stays whole sells shares that are gone.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from backend.trading.plan import OrderPlan
from backend.trading.signal import Action

LegRole = Literal["entry", "stop", "target"]


@dataclass(frozen=True, kw_only=True)
class Leg:
    """One order of a bracket. `name` ends its client order id."""

    name: str
    role: LegRole
    side: Literal["BUY", "SELL"]
    order_type: Literal["LMT", "MKT", "STP", "TRAIL"]
    quantity: Decimal
    tif: Literal["DAY", "GTC", "OPG"]
    outside_rth: bool
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None


Bracket = tuple[Leg, ...]
"""The entry first, then the stop, then the target where there is one."""


def brackets(plan: OrderPlan) -> tuple[Bracket, ...]:
    """Together they enter, and protect, exactly the planned quantity."""
    if not plan.targets:
        return (_bracket(plan, 1, plan.quantity, None),)
    return tuple(
        _bracket(plan, number, target.quantity, target.price)
        for number, target in enumerate(plan.targets, start=1)
    )


def _bracket(plan: OrderPlan, number: int, quantity: Decimal, target: Decimal | None) -> Bracket:
    suffix = "" if number == 1 else str(number)
    entry = Leg(
        name=f"entry{suffix}",
        role="entry",
        side="BUY" if plan.side is Action.BUY else "SELL",
        order_type=plan.order_type,
        quantity=quantity,
        tif=plan.tif,
        outside_rth=plan.outside_rth,
        limit_price=plan.entry if plan.order_type == "LMT" else None,
    )
    legs = [entry, stop(plan, f"stop{suffix}", quantity)]
    if target is not None:
        legs.append(_target(plan, f"t{number}", quantity, target))
    return tuple(legs)


def closing_side(plan: OrderPlan) -> Literal["BUY", "SELL"]:
    return "SELL" if plan.side is Action.BUY else "BUY"


def stop(plan: OrderPlan, name: str, quantity: Decimal) -> Leg:
    """What protects so many shares of the plan; it stays until it is done, whatever the entry's."""
    return Leg(
        name=name,
        role="stop",
        side=closing_side(plan),
        order_type="STP" if plan.exits.trail is None else "TRAIL",
        quantity=quantity,
        tif="GTC",
        outside_rth=plan.outside_rth,
        stop_price=plan.stop,
        trail=plan.exits.trail,
    )


def _target(plan: OrderPlan, name: str, quantity: Decimal, price: Decimal) -> Leg:
    return Leg(
        name=name,
        role="target",
        side=closing_side(plan),
        order_type="LMT",
        quantity=quantity,
        tif="GTC",
        outside_rth=plan.outside_rth,
        limit_price=price,
    )


def at_market(plan: OrderPlan, name: str, quantity: Decimal) -> Leg:
    """Gives up so many shares of the plan, at any price, in the hours of the exchange."""
    return Leg(
        name=name,
        role="stop",
        side=closing_side(plan),
        order_type="MKT",
        quantity=quantity,
        tif="DAY",
        outside_rth=False,
    )
