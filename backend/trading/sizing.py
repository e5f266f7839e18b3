"""
How many shares: by the risk to the stop, by volatility, or a fixed number or worth.

However the size is found, reaching the stop loses no more than the set part of the equity.
"""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.errors import InvalidInput
from backend.trading.numbers import Number, Settings, exactly, floor_to
from backend.trading.signal import Action, Signal
from backend.trading.signal_settings import Label

Method = Literal["risk", "quantity", "value", "volatility"]


class SizingSettings(Settings):
    """The part of a strategy's `risk` that says how large a trade may be; limits come on top."""

    sizing: Method = Field(
        "risk",
        description="How the size is found: by risk to the stop, quantity, value or volatility.",
    )
    risk_per_trade: Number = Field(
        Decimal("0.01"),
        gt=0,
        le=Decimal("0.1"),
        description="Fraction of the equity lost at the stop, at most, whatever the sizing.",
    )
    fixed_quantity: Number | None = Field(
        None, gt=0, le=1_000_000_000, description="Shares per trade, for sizing by quantity."
    )
    fixed_value: Number | None = Field(
        None,
        gt=0,
        le=1_000_000_000_000,
        description="Worth of a trade in contract currency, for sizing by value.",
    )
    atr_multiple: Number = Field(
        Decimal(2),
        gt=0,
        le=20,
        description="For sizing by volatility: so many ATR against us lose risk_per_trade.",
    )
    atr_label: Label = Field(
        "atr_14", description="The ATR series of the strategy's charts, for sizing by volatility."
    )
    lot: Number | None = Field(
        None,
        gt=0,
        le=1_000_000,
        description="Trade multiples of this many shares; empty for the contract's own lot.",
    )

    @model_validator(mode="after")
    def _has_its_size(self) -> "SizingSettings":
        if self.sizing == "quantity" and self.fixed_quantity is None:
            raise ValueError("fixed_quantity: write the shares per trade, or choose another sizing")
        if self.sizing == "value" and self.fixed_value is None:
            raise ValueError("fixed_value: write the worth of a trade, or choose another sizing")
        return self


class Sizing(BaseModel):
    """A quantity with the numbers behind it; money in contract currency. Zero has a reason."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    method: Method = "risk"
    quantity: Decimal
    limited_by: Literal["quantity", "value", "volatility", "risk", "buying_power"] | None
    """What kept it from being larger; None where `reason_code` says why there is nothing."""
    reason_code: (
        Literal["hold", "no_stop", "stop_wrong_side", "no_equity", "no_volatility", "zero_quantity"]
        | None
    )
    sentence: str
    equity: Decimal
    buying_power: Decimal
    risk_per_trade: Decimal
    risk_budget: Decimal
    """What may be lost: equity times `risk_per_trade`."""
    risk_per_share: Decimal | None
    """Distance of entry and stop."""
    atr: Decimal | None = None
    """The average true range that the size was found by; None for other methods."""
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
    atr: Decimal | None = None,
) -> Sizing:
    """
    What the method says, down to what the risk allows, to what can be paid and to the lot.

    Equity, buying power and `atr` are in contract currency, `lot` is the contract's. Never raises
    for a signal or an account that allows nothing: the quantity is zero and `reason_code` says why.
    Raises `InvalidInput` for a lot that is not above zero, or a `risk.lot` that does not fit it.
    """
    equity, buying_power = _amount(equity), _amount(buying_power)
    with exactly():
        budget = equity * settings.risk_per_trade
    nothing = Sizing(
        method=settings.sizing,
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
    return _funded(nothing, signal.entry, abs(signal.entry - signal.stop), settings, atr)


def is_protective(action: Action, entry: Decimal, stop: Decimal) -> bool:
    """Whether the stop lies where the trade loses: below a purchase, above a short sale."""
    return stop < entry if action is Action.BUY else stop > entry


def _funded(
    nothing: Sizing,
    entry: Decimal,
    per_share: Decimal,
    settings: SizingSettings,
    atr: Decimal | None,
) -> Sizing:
    if nothing.equity == 0:
        return _refused(nothing, "no_equity", "The account has no equity to risk.")
    if settings.sizing == "volatility":
        if atr is None or not (atr.is_finite() and atr > 0):
            sentence = f"{settings.atr_label} gives no volatility to size by."
            return _refused(nothing, "no_volatility", sentence)
        nothing = nothing.model_copy(update={"atr": atr})
    return _sized(nothing, entry, per_share, settings)


def _sized(nothing: Sizing, entry: Decimal, per_share: Decimal, settings: SizingSettings) -> Sizing:
    lot, budget = nothing.lot, nothing.risk_budget
    by_method, asked = _wanted(nothing, entry, per_share, settings)
    with exactly():
        by_risk = budget // (per_share * lot) * lot
        by_money = nothing.buying_power // (entry * lot) * lot
        quantity = min(by_method, by_risk, by_money)
        order_value, risk_taken = quantity * entry, quantity * per_share
    caps = {nothing.method: by_method, "risk": by_risk, "buying_power": by_money}
    numbers = asked + _cut(nothing, by_method, by_risk, by_money)
    sized = nothing.model_copy(
        update={
            "quantity": quantity,
            "limited_by": next(name for name, cap in caps.items() if cap == quantity),
            "sentence": f"{numbers}: {quantity:,f} shares.",
            "risk_per_share": per_share,
            "order_value": order_value,
            "risk_taken": risk_taken,
        }
    )
    if quantity == 0:
        return _refused(sized, "zero_quantity", f"{numbers}: not one lot of {lot:f}.")
    return sized


def _cut(nothing: Sizing, by_method: Decimal, by_risk: Decimal, by_money: Decimal) -> str:
    """What risk and money took from what the method says, behind that in the sentence."""
    cut = ""
    if by_risk < by_method:
        cut = f", but {nothing.risk_per_trade:%} of the equity at risk allows {by_risk:,f}"
    wanted = min(by_method, by_risk)
    if by_money < wanted:
        cut += f", which is {wanted:,f} shares; {nothing.buying_power:,f} buys fewer"
    return cut


def _wanted(
    nothing: Sizing, entry: Decimal, per_share: Decimal, settings: SizingSettings
) -> tuple[Decimal, str]:
    """What the method alone says, in whole lots, and the beginning of a sentence about it."""
    lot = nothing.lot
    if settings.sizing == "quantity":
        assert settings.fixed_quantity is not None
        asked = f"{settings.fixed_quantity:,f} shares are asked for"
        return floor_to(settings.fixed_quantity, lot), asked
    with exactly():
        if settings.sizing == "value":
            assert settings.fixed_value is not None
            asked = f"{settings.fixed_value:,f} is asked for, at {entry:,f} per share"
            return settings.fixed_value // (entry * lot) * lot, asked
        loss, measure = per_share, f"{per_share:f} per share"
        if nothing.atr is not None:
            loss = settings.atr_multiple * nothing.atr
            measure = f"{settings.atr_multiple:f} ATR of {nothing.atr:f} per share"
        asked = (
            f"{nothing.risk_per_trade:%} of {nothing.equity:,f} is {nothing.risk_budget:,f} at"
            f" risk, {measure}"
        )
        return nothing.risk_budget // (loss * lot) * lot, asked


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
