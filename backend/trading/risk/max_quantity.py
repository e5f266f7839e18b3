"""At most so many shares in one order."""

from pydantic import Field

from backend.trading.numbers import Number, Settings
from backend.trading.risk.base import Verdict, at_most, passed, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxQuantity(Settings):
    max_quantity: Number | None = Field(
        None, gt=0, le=1_000_000_000, description="Shares in one order, at most; empty for any."
    )


@risk_rule("max_quantity", order=40, settings=MaxQuantity)
def max_quantity(proposal: Proposal, settings: MaxQuantity) -> Verdict:
    value, limit = proposal.quantity, settings.max_quantity
    if limit is None:
        sentence = f"The order has {value:,f} shares, and no number is set."
        return passed("max_quantity", proposal, sentence, value=value, limit=None)
    measured = f"The order has {value:,f} shares, and {limit:,f} are allowed"
    return at_most("max_quantity", proposal, limit, measured, value=value, limit=limit)
