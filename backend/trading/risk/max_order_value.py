"""At most so much money in one order."""

from pydantic import Field

from backend.trading.numbers import Number, Settings, exactly
from backend.trading.risk.base import Verdict, at_most, passed, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxOrderValue(Settings):
    max_order_value: Number | None = Field(
        None,
        gt=0,
        le=1_000_000_000_000,
        description="Worth of one order in contract currency, at most; empty for any.",
    )


@risk_rule("max_order_value", order=50, settings=MaxOrderValue)
def max_order_value(proposal: Proposal, settings: MaxOrderValue) -> Verdict:
    limit = settings.max_order_value
    with exactly():
        value = proposal.quantity * proposal.entry
    if limit is None:
        sentence = f"The order is worth {value:,f}, and no limit is set."
        return passed("max_order_value", proposal, sentence, value=value, limit=None)
    room = proposal.shares_worth(limit)
    measured = f"The order is worth {value:,f}, and {limit:,f} is allowed"
    return at_most("max_order_value", proposal, room, measured, value=value, limit=limit)
