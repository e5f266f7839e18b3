"""Orders for named instruments only."""

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal
from backend.trading.risk.symbols import Symbols, named


class AllowedSymbols(Settings):
    allowed_symbols: Symbols = Field(
        (), description="Symbols that may be traded, separated by commas; empty for any."
    )


@risk_rule("allowed_symbols", order=21, settings=AllowedSymbols)
def allowed_symbols(proposal: Proposal, settings: AllowedSymbols) -> Verdict:
    allowed = settings.allowed_symbols
    if not allowed:
        return passed("allowed_symbols", proposal, "Any symbol may be traded.")
    if proposal.symbol in allowed:
        return passed("allowed_symbols", proposal, f"{proposal.symbol} is among those allowed.")
    sentence = f"{proposal.symbol} is not among the symbols allowed: {named(allowed)}."
    return refused("allowed_symbols", proposal, sentence)
