"""No orders on a quote that is old."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, refused_unknown, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxQuoteAgeSeconds(Settings):
    max_quote_age_seconds: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=86_400,
        description="Age of the quote at the moment of the decision, at most; empty for any.",
    )


@risk_rule("max_quote_age_seconds", order=25, settings=MaxQuoteAgeSeconds)
def max_quote_age_seconds(proposal: Proposal, settings: MaxQuoteAgeSeconds) -> Verdict:
    rule, value = "max_quote_age_seconds", proposal.quote_age_seconds
    if settings.max_quote_age_seconds is None:
        return passed(rule, proposal, "A quote of any age will do, or none.", value=value)
    limit = Decimal(settings.max_quote_age_seconds)
    if value is None:
        sentence = "There is no live quote whose age is known."
        return refused_unknown(rule, proposal, sentence, limit=limit)
    sentence = f"The quote is {value:,.1f} s old, and {limit:,} are allowed."
    verdict = passed if value <= limit else refused
    return verdict(rule, proposal, sentence, value=value, limit=limit)
