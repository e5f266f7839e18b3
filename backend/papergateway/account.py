"""The paper account: a million dollars that nobody has touched yet."""

from dataclasses import dataclass, field
from decimal import Decimal

ACCOUNT = "DU1234567"
CURRENCY = "USD"
STARTING_CASH = Decimal("1000000")
LEVERAGE = 4
"""Regulation T day-trading buying power."""


@dataclass
class PaperAccount:
    """Cash, and what has been read of it in this session: first reads are cold."""

    opened_ms: int
    cash: Decimal = STARTING_CASH
    warm: set[str] = field(default_factory=set)
    are_orders_muted: bool = False
    """A filtered read of live orders silences the WebSocket until a forced one."""

    def is_warm(self, what: str) -> bool:
        """Whether `what` was read before in this session; reading warms it."""
        was_warm = what in self.warm
        self.warm.add(what)
        return was_warm

    def forget_reads(self) -> None:
        self.warm.clear()
        self.are_orders_muted = False
