"""How the broker's gateway stands, as the banner of every page says it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What was seen at `as_of`; `is_stale` when that is too long ago to rely on."""

    status: str
    detail: str
    account: str | None
    is_paper: bool | None
    """As the gateway reports the account, never guessed from its name; None when it names none."""
    is_simulated: bool
    as_of: datetime
    login_expires_at: datetime | None
    is_stale: bool = False

    @property
    def is_connected(self) -> bool:
        return self.status == "ready"

    @property
    def label(self) -> str:
        if not self.is_connected:
            return "NOT CONNECTED"
        if self.is_simulated:
            return "SIMULATED"
        if self.is_paper is None:
            return "ACCOUNT UNKNOWN"
        return "PAPER" if self.is_paper else "LIVE"

    @property
    def colour(self) -> str:
        """The banner's look; the one of LIVE is no other label's."""
        colours = {"SIMULATED": "simulated", "PAPER": "paper", "LIVE": "live"}
        return "away" if self.is_stale else colours.get(self.label, "away")

    @property
    def sentence(self) -> str:
        """What the label means to somebody who trades, and what to do where that is needed."""
        if self.is_stale:
            return "Nobody has looked at the gateway for a while: is the worker running?"
        meanings = {
            "SIMULATED": "Prices and money are invented by the paper gateway.",
            "PAPER": "A paper account: the market is real, the money is not.",
            "LIVE": "A live account: orders move real money.",
        }
        return meanings.get(self.label, self.detail)
