"""The order that a decision comes to, before any broker has seen it."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.errors import InvalidInput
from backend.trading.exits import Exits
from backend.trading.numbers import Settings
from backend.trading.signal import Action, Signal
from backend.trading.sizing import is_protective


class OrderSettings(Settings):
    """How a strategy's orders go out."""

    order_type: Literal["LMT", "MKT"] = Field(
        "LMT", description="LMT enters at the signal's entry or better, MKT at any price."
    )
    tif: Literal["DAY", "GTC"] = Field("DAY", description="How long the order stays: DAY or GTC.")
    approval_minutes: int = Field(
        15,
        ge=1,
        le=1_440,
        description="In mode approve: minutes that a person has to answer; the signal may end"
        " sooner. No answer is a no.",
    )


class PlannedTarget(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    price: Decimal
    quantity: Decimal


class OrderPlan(BaseModel):
    """Prices in contract currency, on the tick. With MKT `entry` is the price decided at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbol: str
    conid: int
    side: Literal[Action.BUY, Action.SELL]
    quantity: Decimal = Field(gt=0)
    order_type: Literal["LMT", "MKT"]
    entry: Decimal = Field(gt=0)
    stop: Decimal = Field(gt=0)
    targets: tuple[PlannedTarget, ...]
    """Nearest first; their quantities add up to the order's."""
    tif: Literal["DAY", "GTC"]
    exits: Exits = Exits()
    """What ends it beside stop and targets; with a `trail` the stop goes out as a trailing one."""

    @model_validator(mode="after")
    def _is_whole(self) -> "OrderPlan":
        if not is_protective(self.side, self.entry, self.stop):
            raise ValueError("the stop must lie where the trade loses")
        if self.targets and sum(target.quantity for target in self.targets) != self.quantity:
            raise ValueError("the targets must close the whole quantity")
        return self


def plan(
    signal: Signal,
    *,
    symbol: str,
    conid: int,
    quantity: Decimal,
    lot: Decimal,
    settings: OrderSettings,
    exits: Exits | None = None,
) -> OrderPlan:
    """
    The order for a signal and the quantity that the limits left, as a multiple of `lot`.

    Raises `InvalidInput` for a HOLD, a signal without stop and a quantity that is not above zero.
    """
    if signal.action is Action.HOLD or signal.entry is None or signal.stop is None:
        raise InvalidInput("Only a signal to buy or sell, with a stop, can become an order.")
    if not quantity > 0:
        raise InvalidInput(f"An order needs a quantity above zero, not {quantity}.")
    return OrderPlan(
        symbol=symbol,
        conid=conid,
        side=signal.action,
        quantity=quantity,
        order_type=settings.order_type,
        entry=signal.entry,
        stop=signal.stop,
        targets=split(signal.targets, quantity, lot),
        tif=settings.tif,
        exits=exits or Exits(),
    )


def split(
    prices: tuple[Decimal, ...], quantity: Decimal, lot: Decimal
) -> tuple[PlannedTarget, ...]:
    """
    Equal parts in whole lots, what is left over to the nearest targets first.

    Targets that would get nothing are left out, so the parts always add up to the quantity.
    """
    if not prices:
        return ()
    lots = quantity // lot
    share, extra = divmod(lots, len(prices))
    parts = [(share + (1 if place < extra else 0)) * lot for place in range(len(prices))]
    # A quantity that is no multiple of the lot leaves less than one over.
    parts[0] += quantity - lots * lot
    return tuple(
        PlannedTarget(price=price, quantity=part)
        for price, part in zip(prices, parts, strict=True)
        if part > 0
    )
