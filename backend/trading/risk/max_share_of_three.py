"""At most so large a part of the equity in the three largest instruments together."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Number, Settings, exactly
from backend.trading.risk.base import Verdict, at_most, passed, refused_unknown, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxShareOfThree(Settings):
    max_share_of_three: Number | None = Field(
        None,
        gt=0,
        le=10,
        description="Part of the equity in the three largest instruments together, at most.",
    )


@risk_rule("max_share_of_three", order=65, settings=MaxShareOfThree)
def max_share_of_three(proposal: Proposal, settings: MaxShareOfThree) -> Verdict:
    """This instrument counts as one of the three, however small it is."""
    rule, limit, book = "max_share_of_three", settings.max_share_of_three, proposal.book
    if limit is None:
        return passed(rule, proposal, "Concentration is not limited.")
    if book is None or proposal.equity <= 0:
        sentence = "Not every position's worth in the account's currency is known."
        return refused_unknown(rule, proposal, sentence, limit=limit)
    with exactly():
        others = sum(book.others[:2], Decimal(0))
        room = proposal.room(limit * proposal.equity - others)
        together = others + proposal.worth_after()
    value = (together / proposal.equity).quantize(Decimal("0.000001"))
    measured = (
        f"{value:.2%} of the equity would be in this instrument and the two largest others, and"
        f" {limit:%} is allowed"
    )
    return at_most(rule, proposal, room, measured, value=value, limit=limit)
