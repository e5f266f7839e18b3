"""A rest after a loss."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, refused_unknown, risk_rule
from backend.trading.risk.proposal import Proposal


class CooldownMinutes(Settings):
    cooldown_minutes: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=10_080,
        description="No orders for so many minutes after a loss was realised in the account.",
    )


@risk_rule("cooldown_minutes", order=33, settings=CooldownMinutes)
def cooldown_minutes(proposal: Proposal, settings: CooldownMinutes) -> Verdict:
    rule, past = "cooldown_minutes", proposal.past
    value = None if past is None else past.minutes_since_loss
    if settings.cooldown_minutes is None:
        return passed(rule, proposal, "No rest after a loss is asked for.", value=value)
    limit = Decimal(settings.cooldown_minutes)
    if past is None:
        sentence = "The account's profit has not been recorded yet, so losses are not known."
        return refused_unknown(rule, proposal, sentence, limit=limit)
    if value is None:
        return passed(rule, proposal, "No loss was realised of late.", limit=limit)
    sentence = (
        f"A loss of {past.loss:,.2f} was realised {value:,.0f} minutes ago, and {limit:,} must"
        " pass."
    )
    verdict = passed if value >= limit else refused
    return verdict(rule, proposal, sentence, value=value, limit=limit)
