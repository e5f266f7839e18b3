"""Nothing is sold that is not held."""

from decimal import Decimal

from pydantic import Field

from backend.trading.numbers import Settings
from backend.trading.risk.base import Verdict, at_most, passed, risk_rule
from backend.trading.risk.proposal import Proposal
from backend.trading.signal import Action


class ForbidShort(Settings):
    forbid_short: bool = Field(False, strict=True, description="Sell no more shares than are held.")


@risk_rule("forbid_short", order=35, settings=ForbidShort)
def forbid_short(proposal: Proposal, settings: ForbidShort) -> Verdict:
    """Shares that working orders would sell are not there to be sold again."""
    if not settings.forbid_short:
        return passed("forbid_short", proposal, "Selling short is not forbidden.")
    if proposal.side is Action.BUY:
        return passed("forbid_short", proposal, "A purchase sells nothing short.")
    held = max(-proposal.exposed, Decimal(0))
    measured = f"{proposal.quantity:,f} shares would be sold, and {held:,f} are held"
    return at_most("forbid_short", proposal, held, measured, value=proposal.quantity, limit=held)
