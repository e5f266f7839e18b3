"""An order that wants to go out, with all that limits ask about it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.trading.numbers import exactly
from backend.trading.signal import Action

Level = Literal["strategy", "account", "global"]
"""Who sets a limit: the strategy, people for one account, or people for everything."""


class Recorded(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tally(Recorded):
    """The orders before this one, as far as a level counts them."""

    today: int = Field(0, ge=0)
    """Sent on this trading day."""
    last_minute: int = Field(0, ge=0)
    same_minutes_ago: Decimal | None = None
    """How long ago the newest one for the same instrument and side went out; None for never."""


class Book(Recorded):
    """
    What the account holds beside the order's instrument, in its currency.

    Working orders count as filled wherever that adds to the risk, so a bracket that still waits
    counts more than once.
    """

    others: tuple[Decimal, ...] = ()
    """Worth of each other instrument, whichever way it is held; the largest first."""
    net_long: Decimal = Decimal(0)
    """Long minus short of the others, with every order to buy filled."""
    net_short: Decimal = Decimal(0)
    """Short minus long of the others, with every order to sell filled."""


class Past(Recorded):
    """What was seen of the account's equity before."""

    peak: Decimal
    """The highest, in the account's currency."""
    loss: Decimal | None = None
    """The newest loss that was realised, as a number above zero; None where none was seen."""
    minutes_since_loss: Decimal | None = None


class Proposal(Recorded):
    """An order, beside the account it would go out for. None is what is not known."""

    side: Literal[Action.BUY, Action.SELL]
    quantity: Decimal = Field(ge=0)
    entry: Decimal = Field(gt=0)
    stop: Decimal
    lot: Decimal = Field(gt=0)
    symbol: str = ""
    reward_to_risk: Decimal | None = None

    equity: Decimal
    day_pnl: Decimal | None = None
    """Profit of the day, realised or not."""
    held: Decimal = Decimal(0)
    """Shares of this instrument already in the account; negative when short."""
    working_buys: Decimal = Decimal(0)
    """Shares that orders at the broker would still buy of it."""
    working_sells: Decimal = Decimal(0)
    book: Book | None = None
    open_positions: int = Field(0, ge=0)
    """Other instruments that are held."""
    past: Past | None = None

    quote: Decimal | None = None
    """What this side would pay or get now: the ask for a purchase, the bid for a sale."""
    quote_age_seconds: Decimal | None = None
    is_open: bool | None = None
    """Whether the instrument's exchange trades."""
    minutes_to_reset: Decimal | None = None
    """Until the broker's gateway asks for a new login."""

    tallies: Mapping[Level, Tally] = {}
    level: Level = "strategy"
    """Whose orders count: those of the strategy, of the account, or all."""

    @property
    def tally(self) -> Tally:
        return self.tallies.get(self.level, Tally())

    @property
    def exposed(self) -> Decimal:
        """
        Shares that the account has in the order's direction before it, working orders filled;
        negative when it holds the other side.
        """
        if self.side is Action.BUY:
            return self.held + self.working_buys
        return self.working_sells - self.held

    def worth_after(self) -> Decimal:
        """Of this instrument in the order's direction; what it takes off the other side is none."""
        with exactly():
            return max(self.exposed + self.quantity, Decimal(0)) * self.entry

    def shares_worth(self, money: Decimal) -> Decimal:
        """Whole lots that cost no more than that at the entry."""
        with exactly():
            return money // (self.entry * self.lot) * self.lot

    def room(self, money: Decimal) -> Decimal:
        """How many shares keep this instrument's worth within that."""
        return self.shares_worth(money) - self.exposed
