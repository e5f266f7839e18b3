"""At most so much money in all positions together, whichever way they are held."""

from pydantic import Field

from backend.trading.numbers import Number, Settings
from backend.trading.risk.base import Verdict, risk_rule
from backend.trading.risk.exposure import gross, within
from backend.trading.risk.proposal import Proposal


class MaxGrossExposure(Settings):
    max_gross_exposure: Number | None = Field(
        None,
        gt=0,
        le=1_000_000_000_000,
        description="Worth of all positions, long and short added, at most.",
    )


@risk_rule("max_gross_exposure", order=70, settings=MaxGrossExposure)
def max_gross_exposure(proposal: Proposal, settings: MaxGrossExposure) -> Verdict:
    others = None if proposal.book is None else gross(proposal.book)
    limit = settings.max_gross_exposure
    return within("max_gross_exposure", proposal, others, limit, "gross exposure")
