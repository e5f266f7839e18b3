"""A stop must lie where the trade loses."""

from backend.trading.risk.base import NoSettings, Verdict, passed, refused, risk_rule
from backend.trading.risk.proposal import Proposal
from backend.trading.sizing import is_protective


@risk_rule("stop_side", order=10, settings=NoSettings)
def stop_side(proposal: Proposal, settings: NoSettings) -> Verdict:
    """A stop on the wrong side would be hit at once, or protect nothing."""
    value, limit = proposal.stop, proposal.entry
    side = "below" if proposal.side == "BUY" else "above"
    if is_protective(proposal.side, proposal.entry, proposal.stop):
        sentence = f"The stop at {value} is {side} the entry at {limit}."
        return passed("stop_side", proposal, sentence, value=value, limit=limit)
    sentence = f"The stop at {value} is not {side} the entry at {limit}."
    return refused(
        "stop_side", proposal, sentence, value=value, limit=limit, code="stop_wrong_side"
    )
