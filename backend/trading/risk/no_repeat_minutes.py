"""No second order for the same instrument and side within some minutes, or beside one at work."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal
from backend.trading.signal import Action


class NoRepeatMinutes(Settings):
    no_repeat_minutes: int | None = Field(
        None,
        strict=True,
        ge=1,
        le=10_080,
        description="No second order of the same symbol and side for so many minutes.",
    )


@risk_rule("no_repeat_minutes", order=32, settings=NoRepeatMinutes)
def no_repeat_minutes(proposal: Proposal, settings: NoRepeatMinutes) -> Verdict:
    """An order that works at the broker is a duplicate however long ago it was sent."""
    rule, value = "no_repeat_minutes", proposal.tally.same_minutes_ago
    if settings.no_repeat_minutes is None:
        return passed(rule, proposal, "The same order may go out again at any time.", value=value)
    limit = Decimal(settings.no_repeat_minutes)
    is_buy = proposal.side is Action.BUY
    working = proposal.working_buys if is_buy else proposal.working_sells
    what = f"{proposal.side} of {proposal.symbol}"
    if working > 0:
        sentence = f"A {what} over {working:,f} shares already works at the broker."
        return refused(rule, proposal, sentence, value=Decimal(0), limit=limit)
    if value is None:
        return passed(rule, proposal, f"No {what} went out before.", limit=limit)
    sentence = f"The last {what} went out {value:,.1f} minutes ago, and {limit:,} must pass."
    verdict = passed if value >= limit else refused
    return verdict(rule, proposal, sentence, value=value, limit=limit)
