"""
How a round trip ends beside its stop and its targets: by time, a trailing stop, break-even, or an
opposite signal.

Settings of a strategy, what they come to for one order, and the judgement while it is open; pure.
"""

from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.values import Timeframe
from backend.trading.numbers import Number, Settings, ceil_to, exactly, floor_to, plain
from backend.trading.signal import Action
from backend.trading.signal_settings import Label

OnReversal = Literal["ignore", "close", "turn"]
Side = Literal[Action.BUY, Action.SELL]


class ExitSettings(Settings):
    """The part of a strategy that says when it gives up a position; none is set by itself."""

    time_stop_minutes: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=525_600,
        description="Close so many minutes after the entry filled; while the exchange is shut, at"
        " its next opening.",
    )
    time_stop_bars: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=1_000,
        description="Close when so many bars of the first timeframe have closed since the entry.",
    )
    trailing: Literal["off", "atr", "percent"] = Field(
        "off",
        description="A stop that follows the price, held at the broker: off, atr or percent.",
    )
    trailing_multiple: Number = Field(
        Decimal(3), gt=0, le=20, description="For trailing by atr: so many ATR behind the price."
    )
    trailing_label: Label = Field(
        "atr_14", description="For trailing by atr: the ATR series of the strategy's charts."
    )
    trailing_fraction: Number = Field(
        Decimal("0.03"),
        gt=0,
        le=Decimal("0.5"),
        description="For trailing by percent: 0.03 is 3 % of the entry behind the price.",
    )
    break_even_after_r: Number | None = Field(
        None,
        gt=0,
        le=50,
        description="Move the stop to the entry once the price has gone so many times the risk"
        " our way.",
    )
    on_reversal: OnReversal = Field(
        "ignore",
        description="An opposite signal: ignore it, close the position, or turn (close, then"
        " enter the other way).",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> "ExitSettings":
        if self.time_stop_minutes is not None and self.time_stop_bars is not None:
            raise ValueError("time_stop_bars: choose minutes or bars, and leave the other empty")
        if self.trailing != "off" and self.break_even_after_r is not None:
            raise ValueError(
                "break_even_after_r: a trailing stop passes the entry by itself. Leave this empty,"
                " or set trailing to off"
            )
        return self


class Exits(BaseModel):
    """What the settings come to for one order. Prices and distances in contract currency."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    time_stop_minutes: int | None = None
    time_stop_bars: int | None = None
    timeframe: Timeframe | None = None
    """Whose bars are counted."""
    calendar: str = ""
    """Of the exchange, which has to be open for a time stop."""
    tick: Decimal = Decimal("0.01")
    trail: Decimal | None = None
    """Distance of the stop that the broker moves; None for one that stays."""
    break_even_after_r: Decimal | None = None
    on_reversal: OnReversal = "ignore"


def trail_distance(
    settings: ExitSettings, *, entry: Decimal, atr: Decimal | None, tick: Decimal
) -> Decimal | None:
    """
    How far behind the price the stop follows, up to the next tick; None where it does not.

    Raises `ValueError` where it should follow by an average true range that is not known.
    """
    if settings.trailing == "off":
        return None
    if settings.trailing == "percent":
        with exactly():
            return ceil_to(entry * settings.trailing_fraction, tick)
    if atr is None or atr <= 0:
        raise ValueError(
            f"The trailing stop needs {settings.trailing_label}, which has no usable value."
        )
    with exactly():
        return ceil_to(atr * settings.trailing_multiple, tick)


def break_even_stop(
    exits: Exits, *, side: Side, entry: Decimal, first_stop: Decimal, stop: Decimal, best: Decimal
) -> Decimal | None:
    """
    Where the stop belongs once the price has gone far enough; None to leave it where it is.

    `entry` is the average price that was paid, `first_stop` the one that the risk is measured by,
    `best` the best price that the market showed since. A stop is only ever moved our way.
    """
    if exits.break_even_after_r is None:
        return None
    sign = 1 if side == Action.BUY else -1
    with exactly():
        risk = (entry - first_stop) * sign
        has_gone = (best - entry) * sign
        if risk <= 0 or has_gone < exits.break_even_after_r * risk:
            return None
    # Rounded against the position: a stop beyond the entry's tick would promise too much.
    level = floor_to(entry, exits.tick) if sign > 0 else ceil_to(entry, exits.tick)
    return level if (level - stop) * sign > 0 else None


def in_words(settings: ExitSettings) -> list[str]:
    """Sentences for somebody who did not write the strategy; empty where nothing is set."""
    said = []
    if settings.time_stop_minutes is not None:
        said.append(f"Closes {settings.time_stop_minutes} minutes after the entry.")
    if settings.time_stop_bars is not None:
        said.append(f"Closes when {settings.time_stop_bars} bars have closed since the entry.")
    if settings.trailing == "atr":
        said.append(
            f"The stop follows the price {plain(settings.trailing_multiple)} average true ranges"
            f" ({settings.trailing_label}) behind, at the broker."
        )
    if settings.trailing == "percent":
        said.append(
            f"The stop follows the price {plain(settings.trailing_fraction * 100)} % behind, at"
            " the broker."
        )
    if settings.break_even_after_r is not None:
        said.append(
            f"After {plain(settings.break_even_after_r)} times the risk the stop moves to the"
            " entry."
        )
    if settings.on_reversal != "ignore":
        turn = ", then enters the other way" if settings.on_reversal == "turn" else ""
        said.append(f"An opposite signal closes the position{turn}.")
    return said
