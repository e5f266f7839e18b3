"""No orders shortly before the broker's gateway asks for a new login."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, risk_rule, unknown
from backend.trading.risk.proposal import Proposal


class MinutesBeforeReset(Settings):
    minutes_before_reset: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=1_440,
        description="No orders within so many minutes before the gateway asks for a new login.",
    )


@risk_rule("minutes_before_reset", order=24, settings=MinutesBeforeReset)
def minutes_before_reset(proposal: Proposal, settings: MinutesBeforeReset) -> Verdict:
    """An order just before it would be alone: nobody could follow it until a person logs in."""
    rule, value = "minutes_before_reset", proposal.minutes_to_reset
    if settings.minutes_before_reset is None:
        return passed(rule, proposal, "No time before the gateway's reset is closed.", value=value)
    limit = Decimal(settings.minutes_before_reset)
    if value is None:
        sentence = "The gateway does not tell when it will ask for a new login."
        return unknown(rule, proposal, sentence, limit=limit)
    sentence = (
        f"The gateway asks for a new login in {value:,.0f} minutes, and the last {limit} before"
        " that are closed."
    )
    verdict = passed if value > limit else refused
    return verdict(rule, proposal, sentence, value=value, limit=limit)
