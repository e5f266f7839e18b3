"""How many shares: as many as lose a set part of the equity when the stop is reached."""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.core.errors import InvalidInput
from backend.trading.numbers import Number, Settings, exactly, floor_to
from backend.trading.signal import Action, Signal


class SizingSettings(Settings):
    """The part of a strategy's `risk` that says how large a trade may be; limits come on top."""

    risk_per_trade: Number = Field(
        Decimal("0.01"),
        gt=0,
        le=Decimal("0.1"),
        description="Fraction of the equity that is lost when the stop is reached; at most 0.1.",
    )
    lot: Number | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="Trade multiples of this many shares; empty for the contract's own lot.",
    )


class Sizing(BaseModel):
    """A quantity with the numbers behind it; money in contract currency. Zero has a reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    quantity: Decimal
    limited_by: Literal["risk", "buying_power"] | None
    """What kept it from being larger; None where `reason_code` says why there is nothing."""
    reason_code: Literal["hold", "no_stop", "stop_wrong_side", "no_equity", "zero_quantity"] | None
    sentence: str
    equity: Decimal
    buying_power: Decimal
    risk_per_trade: Decimal
    risk_budget: Decimal
    """What may be lost: equity times `risk_per_trade`."""
    risk_per_share: Decimal | None
    lot: Decimal
    order_value: Decimal
    risk_taken: Decimal
    """What is lost at the stop with this quantity; never more than `risk_budget`."""


def size(
    signal: Signal,
    *,
    equity: Decimal,
    buying_power: Decimal,
    lot: Decimal,
    settings: SizingSettings,
) -> Sizing:
    """
    Equity times risk over the distance of the stop, down to the lot and to what can be paid.

    Equity and buying power are in contract currency, `lot` is the contract's. Never raises for a
    signal or an account that allows nothing: the quantity is zero and `reason_code` says why.
    Raises `InvalidInput` for a lot that is not above zero, or a `risk.lot` that does not fit it.
    """
    equity, buying_power = _amount(equity), _amount(buying_power)
    with exactly():
        budget = equity * settings.risk_per_trade
    nothing = Sizing(
        quantity=Decimal(0),
        limited_by=None,
        reason_code=None,
        sentence="",
        equity=equity,
        buying_power=buying_power,
        risk_per_trade=settings.risk_per_trade,
        risk_budget=budget,
        risk_per_share=None,
        lot=_lot(lot, settings),
        order_value=Decimal(0),
        risk_taken=Decimal(0),
    )
    if signal.action is Action.HOLD:
        return _refused(nothing, "hold", "The signal is to hold: there is nothing to size.")
    if signal.entry is None or signal.stop is None:
        return _refused(nothing, "no_stop", "Without an entry and a stop no risk can be measured.")
    if not is_protective(signal.action, signal.entry, signal.stop):
        return _refused(
            nothing,
            "stop_wrong_side",
            f"The stop at {signal.stop} does not protect a {signal.action} at {signal.entry}.",
        )
    if equity == 0:
        return _refused(nothing, "no_equity", "The account has no equity to risk.")
    return _sized(nothing, signal.entry, abs(signal.entry - signal.stop))


def is_protective(action: Action, entry: Decimal, stop: Decimal) -> bool:
    """Whether the stop lies where the trade loses: below a purchase, above a short sale."""
    return stop < entry if action is Action.BUY else stop > entry


def _sized(nothing: Sizing, entry: Decimal, per_share: Decimal) -> Sizing:
    lot, budget = nothing.lot, nothing.risk_budget
    with exactly():
        by_risk = budget // (per_share * lot) * lot
        by_money = nothing.buying_power // (entry * lot) * lot
        quantity = min(by_risk, by_money)
        order_value, risk_taken = quantity * entry, quantity * per_share
    numbers = (
        f"{nothing.risk_per_trade:%} of {nothing.equity:,f} is {budget:,f} at risk, "
        f"{per_share:f} per share"
    )
    if by_money < by_risk:
        numbers += f", which is {by_risk:,f} shares; {nothing.buying_power:,f} buys fewer"
    sized = nothing.model_copy(
        update={
            "quantity": quantity,
            "limited_by": "risk" if by_risk <= by_money else "buying_power",
            "sentence": f"{numbers}: {quantity:,f} shares.",
            "risk_per_share": per_share,
            "order_value": order_value,
            "risk_taken": risk_taken,
        }
    )
    if quantity == 0:
        return _refused(sized, "zero_quantity", f"{numbers}: not one lot of {lot:f}.")
    return sized


def _refused(sizing: Sizing, reason_code: str, sentence: str) -> Sizing:
    return sizing.model_copy(
        update={"reason_code": reason_code, "sentence": sentence, "limited_by": None}
    )


def _amount(money: Decimal) -> Decimal:
    """An account in debt, or one whose broker says NaN, has nothing to trade with."""
    return max(money, Decimal(0)) if money.is_finite() else Decimal(0)


def _lot(contract_lot: Decimal, settings: SizingSettings) -> Decimal:
    if not (contract_lot.is_finite() and contract_lot > 0):
        raise InvalidInput(f"A lot is a number above zero, not {contract_lot}.", field="lot")
    if settings.lot is None:
        return contract_lot
    if floor_to(settings.lot, contract_lot) != settings.lot:
        raise InvalidInput(
            f"A lot of {settings.lot:f} is not a multiple of the contract's lot of "
            f"{contract_lot:f}. Choose a multiple, or leave it empty.",
            field="risk.lot",
        )
    return settings.lot
