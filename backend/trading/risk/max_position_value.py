"""At most so much money in one instrument."""

from pydantic import Field

from backend.trading.numbers import Number, Settings
from backend.trading.risk.base import Verdict, at_most, passed, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxPositionValue(Settings):
    max_position_value: Number | None = Field(
        None,
        gt=0,
        le=1_000_000_000_000,
        description="Worth of one instrument with what is held, at most; empty for any.",
    )


@risk_rule("max_position_value", order=55, settings=MaxPositionValue)
def max_position_value(proposal: Proposal, settings: MaxPositionValue) -> Verdict:
    rule, limit, value = "max_position_value", settings.max_position_value, proposal.worth_after()
    measured = f"{value:,f} would be in this instrument"
    if limit is None:
        return passed(rule, proposal, f"{measured}, and no limit is set.", value=value)
    measured += f", and {limit:,f} is allowed"
    return at_most(rule, proposal, proposal.room(limit), measured, value=value, limit=limit)
