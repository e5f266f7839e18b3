"""What a session has read of the paper account: first reads are cold."""

from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "DU1234567"
CURRENCY = "USD"


@dataclass
class PaperAccount:
    """The account's books are on the desk; this is what IBKR's caches make of them."""

    warm: set[str] = field(default_factory=set)
    are_orders_muted: bool = False
    """A filtered read of live orders silences the WebSocket until a forced one."""
    positions: list[dict[str, Any]] = field(default_factory=list)
    """The rows of portfolio/.../positions as they were made at `positions_ms`."""
    positions_ms: int | None = None

    def is_warm(self, what: str) -> bool:
        """Whether `what` was read before in this session; reading warms it."""
        was_warm = what in self.warm
        self.warm.add(what)
        return was_warm

    def forget_reads(self) -> None:
        self.warm.clear()
        self.are_orders_muted = False
        self.positions_ms = None
