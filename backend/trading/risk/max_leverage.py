"""Positions worth at most so many times the equity."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Number, Settings, exactly
from backend.trading.risk.base import Verdict, at_most, passed, refused_unknown, risk_rule
from backend.trading.risk.exposure import NOT_KNOWN, gross
from backend.trading.risk.proposal import Proposal


class MaxLeverage(Settings):
    max_leverage: Number | None = Field(
        None,
        gt=0,
        le=20,
        description="Worth of all positions over the equity, at most; 1 borrows nothing.",
    )


@risk_rule("max_leverage", order=80, settings=MaxLeverage)
def max_leverage(proposal: Proposal, settings: MaxLeverage) -> Verdict:
    limit, book = settings.max_leverage, proposal.book
    if limit is None:
        return passed("max_leverage", proposal, "Leverage is not limited.")
    if book is None or proposal.equity <= 0:
        why = NOT_KNOWN if book is None else "The account has no equity"
        return refused_unknown("max_leverage", proposal, f"{why}.", limit=limit)
    with exactly():
        others = gross(book)
        room = proposal.room(limit * proposal.equity - others)
        together = others + proposal.worth_after()
    value = (together / proposal.equity).quantize(Decimal("0.0001"))
    measured = f"The positions would be {value:f} times the equity, and {limit:f} is allowed"
    return at_most("max_leverage", proposal, room, measured, value=value, limit=limit)
