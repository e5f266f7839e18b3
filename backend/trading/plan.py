"""The order that a decision comes to, before any broker has seen it."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from backend.core.errors import InvalidInput
from backend.trading.exits import Exits
from backend.trading.numbers import Settings
from backend.trading.signal import Action, Signal
from backend.trading.sizing import is_protective

Tif = Literal["DAY", "GTC", "OPG"]
MessageId = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[a-z]{1,2}\d{1,7}$")]


class OrderSettings(Settings):
    """How a strategy's orders go out."""

    order_type: Literal["LMT", "MKT"] = Field(
        "LMT", description="LMT enters at the signal's entry or better, MKT at any price."
    )
    tif: Tif = Field(
        "DAY",
        description="How long the entry waits: DAY (only while the exchange trades), GTC (until it"
        " is cancelled) or OPG (for the next opening). Stops and targets always stay until they"
        " are done.",
    )
    outside_rth: bool = Field(
        False,
        strict=True,
        description="Fill before the opening and after the close too; for LMT with DAY or GTC.",
    )
    allow_questions: tuple[MessageId, ...] = Field(
        (),
        max_length=50,
        description="Ids of broker questions that are answered yes beside those that Glassbox's own"
        " checks cover, such as o163 (a limit 3 % away) or o451 (a value above 100,000).",
    )
    approval_minutes: int = Field(
        15,
        ge=1,
        le=1_440,
        description="In mode approve: minutes that a person has to answer; the signal may end"
        " sooner. No answer is a no.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> "OrderSettings":
        if self.outside_rth and (self.order_type, self.tif) not in (("LMT", "DAY"), ("LMT", "GTC")):
            raise ValueError(
                "outside_rth: outside the regular hours only LMT orders trade, with tif DAY or GTC."
                " Change them, or set this to false"
            )
        return self


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
    tif: Tif
    outside_rth: bool = False
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
        outside_rth=settings.outside_rth,
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
