"""No new orders on a day that has lost so much."""

from decimal import Decimal
from typing import Literal

from pydantic import Field, model_validator

from backend.trading.numbers import Number, Settings
from backend.trading.risk.base import Verdict, passed, refused, refused_unknown, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxDailyLoss(Settings):
    max_daily_loss: Number | None = Field(
        None,
        gt=0,
        le=1_000_000_000_000,
        description="Loss of the day, realised or not, that ends it; in the account's currency.",
    )
    daily_loss_pulls: Literal["stop", "cancel", "flatten"] | None = Field(
        None,
        description="What the kill switch does by itself once the day has lost that: stop, cancel"
        " or flatten. Empty: it is not pulled, and new orders are refused.",
    )

    @model_validator(mode="after")
    def _has_its_limit(self) -> "MaxDailyLoss":
        if self.daily_loss_pulls is not None and self.max_daily_loss is None:
            raise ValueError(PULLS_NEEDS_LIMIT)
        return self


PULLS_NEEDS_LIMIT = (
    "daily_loss_pulls: set max_daily_loss as well, or nothing could ever pull the switch"
)


@risk_rule("max_daily_loss", order=28, settings=MaxDailyLoss)
def max_daily_loss(proposal: Proposal, settings: MaxDailyLoss) -> Verdict:
    """The account's loss, whoever made it: a day that went wrong is over for all strategies."""
    rule, limit, profit = "max_daily_loss", settings.max_daily_loss, proposal.day_pnl
    if profit is None:
        if limit is None:
            return passed(rule, proposal, "The day's profit is not known, and no limit is set.")
        sentence = "The broker does not tell the day's profit, so its loss cannot be limited."
        return refused_unknown(rule, proposal, sentence, limit=limit)
    value = max(-profit, Decimal(0))
    if limit is None:
        sentence = f"The day's loss is {value:,.2f}, and no limit is set."
        return passed(rule, proposal, sentence, value=value)
    sentence = f"The day's loss is {value:,.2f}, and the day ends at {limit:,.2f}."
    verdict = passed if value < limit else refused
    return verdict(rule, proposal, sentence, value=value, limit=limit)
