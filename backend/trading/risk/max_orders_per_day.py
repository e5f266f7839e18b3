"""At most so many orders on one trading day."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxOrdersPerDay(Settings):
    max_orders_per_day: int = Field(
        10, strict=True, ge=1, le=10_000, description="Orders on one trading day, at most."
    )


@risk_rule("max_orders_per_day", order=30, settings=MaxOrdersPerDay)
def max_orders_per_day(proposal: Proposal, settings: MaxOrdersPerDay) -> Verdict:
    value, limit = Decimal(proposal.tally.today + 1), Decimal(settings.max_orders_per_day)
    sentence = f"This would be order {value} of the day, and {limit} are allowed."
    verdict = passed if value <= limit else refused
    return verdict("max_orders_per_day", proposal, sentence, value=value, limit=limit)
