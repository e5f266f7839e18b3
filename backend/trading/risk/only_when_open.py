"""Orders only while the exchange trades."""

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal


class OnlyWhenOpen(Settings):
    only_when_open: bool = Field(
        False, strict=True, description="No orders while the exchange is closed."
    )


@risk_rule("only_when_open", order=23, settings=OnlyWhenOpen)
def only_when_open(proposal: Proposal, settings: OnlyWhenOpen) -> Verdict:
    if not settings.only_when_open:
        return passed("only_when_open", proposal, "Orders may also wait for the exchange to open.")
    if proposal.is_open:
        return passed("only_when_open", proposal, "The exchange is open.")
    if proposal.is_open is None:
        sentence = "Whether the exchange is open is not known."
        return refused("only_when_open", proposal, sentence, code="only_when_open_unknown")
    return refused("only_when_open", proposal, "The exchange is closed.")
