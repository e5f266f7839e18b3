"""At most so many orders within a minute."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxOrdersPerMinute(Settings):
    max_orders_per_minute: int | None = Field(
        None, strict=True, ge=1, le=1_000, description="Orders within a minute, at most."
    )


@risk_rule("max_orders_per_minute", order=31, settings=MaxOrdersPerMinute)
def max_orders_per_minute(proposal: Proposal, settings: MaxOrdersPerMinute) -> Verdict:
    rule, value = "max_orders_per_minute", Decimal(proposal.tally.last_minute + 1)
    measured = f"This would be order {value} within a minute"
    if settings.max_orders_per_minute is None:
        return passed(rule, proposal, f"{measured}, and no limit is set.", value=value)
    limit = Decimal(settings.max_orders_per_minute)
    verdict = passed if value <= limit else refused
    sentence = f"{measured}, and {limit} are allowed."
    return verdict(rule, proposal, sentence, value=value, limit=limit)
