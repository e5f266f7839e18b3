"""What our own books say of one instrument: open trades of a strategy, and what is in doubt."""

from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel, ConfigDict


class _Value(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OwnOrder(_Value):
    """An order of a trade that is not over. Prices in contract currency, quantities in shares."""

    role: str
    side: str
    order_type: str
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    state: str


class OwnTrade(_Value):
    """A round trip of the strategy in this instrument that is not over."""

    round_trip_id: int
    side: str
    """BUY for a long one, SELL for a short one."""
    planned: Decimal
    held: Decimal
    """Shares in hand; 0 while its entry works."""
    entry_price: Decimal | None
    """The average of what was bought so far (sold, of a short one)."""
    decision_price: Decimal
    first_stop: Decimal
    best_price: Decimal | None
    worst_price: Decimal | None
    planned_at: datetime
    opened_at: datetime | None
    entry_reason: str
    orders: tuple[OwnOrder, ...] = ()

    @property
    def stop(self) -> Decimal:
        """Where its stop works now; the first one's price while none does."""
        working = [order.stop_price for order in self.orders if order.role == "stop"]
        return next((price for price in working if price is not None), self.first_stop)


class OwnDrift(_Value):
    """The broker holds another quantity than our books say; nobody has explained it."""

    symbol: str
    conid: int
    ours: Decimal
    brokers: Decimal
    seen_at: datetime
    sentence: str


class OwnBooks(_Value):
    trades: tuple[OwnTrade, ...] = ()
    drifts: tuple[OwnDrift, ...] = ()
    """Confirmed ones of the whole account: any of them stops new orders."""
    read_at: datetime | None = None
    """When the account's orders and fills were last read whole; None before anybody followed."""
