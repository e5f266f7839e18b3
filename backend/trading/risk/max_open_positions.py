"""At most so many instruments held at a time."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal


class MaxOpenPositions(Settings):
    max_open_positions: int | None = Field(
        None, strict=True, ge=1, le=10_000, description="Instruments held at a time, at most."
    )


@risk_rule("max_open_positions", order=34, settings=MaxOpenPositions)
def max_open_positions(proposal: Proposal, settings: MaxOpenPositions) -> Verdict:
    """An instrument that is held already, or that an order waits for, is no new position."""
    rule, value = "max_open_positions", Decimal(proposal.open_positions + 1)
    is_held = bool(proposal.held or proposal.working_buys or proposal.working_sells)
    measured = f"This would be position {value} of the account"
    if settings.max_open_positions is None:
        return passed(rule, proposal, f"{measured}, and no limit is set.", value=value)
    limit = Decimal(settings.max_open_positions)
    if is_held:
        sentence = f"{proposal.symbol} is held already, so no position is added."
        return passed(rule, proposal, sentence, value=value, limit=limit)
    verdict = passed if value <= limit else refused
    sentence = f"{measured}, and {limit} are allowed."
    return verdict(rule, proposal, sentence, value=value, limit=limit)
