"""No new orders while the equity is so far below its peak."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Number, Settings, exactly
from backend.trading.risk.base import Verdict, passed, refused, refused_unknown, risk_rule
from backend.trading.risk.proposal import Past, Proposal


class MaxDrawdown(Settings):
    max_drawdown: Number | None = Field(
        None,
        gt=0,
        le=1,
        description="Fall of the equity from its peak, as a fraction, that ends trading.",
    )


@risk_rule("max_drawdown", order=29, settings=MaxDrawdown)
def max_drawdown(proposal: Proposal, settings: MaxDrawdown) -> Verdict:
    """A deposit raises the peak, and a withdrawal counts as a loss: only equity is seen."""
    if proposal.past is not None:
        return _measured(proposal, proposal.past, settings.max_drawdown)
    if settings.max_drawdown is None:
        sentence = "The peak of the equity is not known, and no limit is set."
        return passed("max_drawdown", proposal, sentence)
    sentence = "The account's equity has not been recorded yet, so its peak is not known."
    return refused_unknown("max_drawdown", proposal, sentence, limit=settings.max_drawdown)


def _measured(proposal: Proposal, past: Past, limit: Decimal | None) -> Verdict:
    peak = max(past.peak, proposal.equity)
    with exactly():
        fall = peak - proposal.equity
        is_kept = limit is None or (peak > 0 and fall < limit * peak)
    value = (fall / peak).quantize(Decimal("0.000001")) if peak > 0 else Decimal(1)
    measured = f"The equity of {proposal.equity:,.2f} is {value:.2%} below its peak of {peak:,.2f}"
    if limit is None:
        return passed("max_drawdown", proposal, f"{measured}.", value=value)
    verdict = passed if is_kept else refused
    sentence = f"{measured}, and trading ends at {limit:%}."
    return verdict("max_drawdown", proposal, sentence, value=value, limit=limit)
