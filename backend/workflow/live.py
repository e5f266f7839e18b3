"""Real money: orders of a live account go out only where the settings and a person say so."""

from backend.workflow.settings import Mode
from backend.workflow.steps.base import Safeguards

NOT_CONFIRMED = "live_not_confirmed"


def why_not(safeguards: Safeguards, mode: Mode, account: str, is_paper: bool) -> str | None:
    """
    Why a strategy in this mode may send no order to an account, in a sentence; None where it may.

    `is_paper` is what the gateway says of the account, never what its name suggests.
    """
    if is_paper or mode is Mode.OBSERVE:
        return None
    return safeguards.why_not_live(account)
