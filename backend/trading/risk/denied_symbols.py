"""No orders for named instruments."""

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal
from backend.trading.risk.symbols import Symbols


class DeniedSymbols(Settings):
    denied_symbols: Symbols = Field(
        (), description="Symbols that may never be traded, separated by commas."
    )


@risk_rule("denied_symbols", order=22, settings=DeniedSymbols)
def denied_symbols(proposal: Proposal, settings: DeniedSymbols) -> Verdict:
    if proposal.symbol not in settings.denied_symbols:
        return passed("denied_symbols", proposal, f"{proposal.symbol} is not on a list of denied.")
    return refused("denied_symbols", proposal, f"{proposal.symbol} may not be traded.")
