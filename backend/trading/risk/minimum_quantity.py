"""An order has at least one lot."""

from backend.trading.risk.base import NoSettings, Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal


@risk_rule("minimum_quantity", order=20, settings=NoSettings)
def minimum_quantity(proposal: Proposal, settings: NoSettings) -> Verdict:
    """Sizing gives zero when the risk allowed does not pay for one lot."""
    value, limit = proposal.quantity, proposal.lot
    if value >= limit:
        sentence = f"{value:,f} shares are at least one lot of {limit:f}."
        return passed("minimum_quantity", proposal, sentence, value=value, limit=limit)
    sentence = f"{value:,f} shares are less than one lot of {limit:f}."
    return refused(
        "minimum_quantity", proposal, sentence, value=value, limit=limit, code="zero_quantity"
    )
