"""What an account holds of the instrument, for a question that is asked with it in view."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

from backend.analysis.facts import OneLine


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Held(_Value):
    """The account's whole position, whoever made it; the quantity is negative when short."""

    quantity: float
    average_cost: float
    unrealized_pnl: float


class HeldTrade(_Value):
    """The strategy's own open trade. Prices in the instrument's currency."""

    side: Literal["long", "short"]
    quantity: float
    """0 while its entry works."""
    planned: float
    entry_price: float | None
    stop: float
    best_price: float | None
    worst_price: float | None
    opened: OneLine | None
    profit_per_share: float | None
    """At the last close, before costs."""
    r: float | None
    """The same in units of what was risked per share at first."""
    entry_reason: OneLine


class WorkingOrder(_Value):
    role: OneLine
    side: OneLine
    type: OneLine
    quantity: float
    filled: float
    limit_price: float | None
    stop_price: float | None
    state: OneLine


class Standing(_Value):
    position: Held | None = None
    own_trade: HeldTrade | None = None
    own_orders: tuple[WorkingOrder, ...] = ()


NOTHING = Standing()
