"""No order whose price is far from what the market asks."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Number, Settings, exactly
from backend.trading.risk.base import Verdict, passed, refused, refused_unknown, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxPriceDrift(Settings):
    max_price_drift: Number | None = Field(
        None,
        gt=0,
        le=1,
        description="Distance of entry and quote as a fraction, at most; 0.01 is 1 %.",
    )


@risk_rule("max_price_drift", order=26, settings=MaxPriceDrift)
def max_price_drift(proposal: Proposal, settings: MaxPriceDrift) -> Verdict:
    """Both ways: an entry far on the good side of the quote is as likely a slip."""
    rule, limit, quote = "max_price_drift", settings.max_price_drift, proposal.quote
    if quote is None or quote <= 0:
        if limit is None:
            return passed(rule, proposal, "No distance from the quote is asked for.")
        sentence = "There is no live quote to hold the entry against."
        return refused_unknown(rule, proposal, sentence, limit=limit)
    with exactly():
        distance = abs(proposal.entry - quote)
        is_near = limit is None or distance <= limit * quote
    value = (distance / quote).quantize(Decimal("0.000001"))
    if limit is None:
        return passed(rule, proposal, f"The entry is {value:.3%} from the quote.", value=value)
    sentence = f"The entry is {value:.3%} from the quote of {quote:,f}, and {limit:%} is allowed."
    verdict = passed if is_near else refused
    return verdict(rule, proposal, sentence, value=value, limit=limit)
