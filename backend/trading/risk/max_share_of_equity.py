"""At most so large a part of the equity in one instrument."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Number, Settings, exactly
from backend.trading.risk.base import Verdict, at_most, refused, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxShareOfEquity(Settings):
    max_share_of_equity: Number = Field(
        Decimal("0.25"),
        gt=0,
        le=1,
        description="Part of the equity in one instrument, with what is held; 0.25 is 25 %.",
    )


@risk_rule("max_share_of_equity", order=60, settings=MaxShareOfEquity)
def max_share_of_equity(proposal: Proposal, settings: MaxShareOfEquity) -> Verdict:
    """Shares held the other way make room: buying back a short position adds no exposure."""
    limit = settings.max_share_of_equity
    if proposal.equity <= 0:
        sentence = "The account has no equity, so no share of it can be used."
        return refused(
            "max_share_of_equity", proposal, sentence, value=proposal.equity, limit=limit
        )
    with exactly():
        room = proposal.room(limit * proposal.equity)
    value = proposal.worth_after() / proposal.equity
    measured = f"{value:.2%} of the equity would be in this instrument, and {limit:%} is allowed"
    return at_most("max_share_of_equity", proposal, room, measured, value=value, limit=limit)
