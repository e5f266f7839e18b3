"""At most so much money in positions of one direction, those of the other taken off."""

from pydantic import Field

from backend.trading.numbers import Number, Settings
from backend.trading.risk.base import Verdict, risk_rule
from backend.trading.risk.exposure import net, within
from backend.trading.risk.proposal import Proposal


class MaxNetExposure(Settings):
    max_net_exposure: Number | None = Field(
        None,
        gt=0,
        le=1_000_000_000_000,
        description="Worth of long positions less that of short ones, or the reverse, at most.",
    )


@risk_rule("max_net_exposure", order=75, settings=MaxNetExposure)
def max_net_exposure(proposal: Proposal, settings: MaxNetExposure) -> Verdict:
    others = None if proposal.book is None else net(proposal.book, proposal.side)
    limit = settings.max_net_exposure
    return within("max_net_exposure", proposal, others, limit, "net exposure")
