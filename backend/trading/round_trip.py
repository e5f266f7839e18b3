"""
What one round trip came to: profit and loss, multiples of its risk, excursions, slippage, time.

Formulas are those in common use. R multiples: Van K. Tharp, "Trade Your Way to Financial Freedom":
a result divided by what was at risk at the entry. Excursions: John Sweeney, "Maximum Adverse
Excursion": the farthest that the price went against an entry, and for it, while it was held.
Slippage: André Perold, "The Implementation Shortfall": what was paid beyond the price at which the
decision was made. Pure; prices and money in contract currency.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from backend.trading.numbers import exactly

Side = Literal["BUY", "SELL"]
ZERO = Decimal(0)
PLACES = Decimal("0.00000001")


@dataclass(frozen=True, kw_only=True)
class RoundTripFigures:
    """
    What is known of a round trip. Whatever needs a figure that is missing comes to None.

    `entered` and `left` are shares that came and went so far, `stop` the first one,
    `decision_price` what the instrument cost when it was decided, `best` and `worst` what the
    market showed meanwhile, from the holder's point of view.
    """

    side: Side
    entered: Decimal
    left: Decimal
    entry_price: Decimal | None
    exit_price: Decimal | None
    stop: Decimal
    decision_price: Decimal
    commission: Decimal
    gross: Decimal | None
    """Of the shares that left, before costs."""
    best: Decimal | None
    worst: Decimal | None
    opened_at: datetime | None
    closed_at: datetime | None

    @property
    def sign(self) -> int:
        return 1 if self.side == "BUY" else -1

    @property
    def net(self) -> Decimal | None:
        """After commission, of the entry too."""
        return None if self.gross is None else self.gross - self.commission

    @property
    def risk_per_share(self) -> Decimal | None:
        """From the average entry to the first stop; None where the stop was no protection."""
        if self.entry_price is None:
            return None
        distance = self.sign * (self.entry_price - self.stop)
        return distance if distance > 0 else None

    @property
    def risk(self) -> Decimal | None:
        """What was lost had all shares left at the first stop, before costs: one R."""
        share = self.risk_per_share
        return None if share is None or self.entered <= 0 else share * self.entered

    @property
    def gross_r(self) -> Decimal | None:
        return over(self.gross, self.risk)

    @property
    def net_r(self) -> Decimal | None:
        """The R multiple achieved, after commission."""
        return over(self.net, self.risk)

    @property
    def mae(self) -> Decimal | None:
        """Maximum adverse excursion per share: 0 where the price never went against it."""
        return self._excursion(self.worst, -self.sign)

    @property
    def mfe(self) -> Decimal | None:
        """Maximum favourable excursion per share: 0 where the price never went for it."""
        return self._excursion(self.best, self.sign)

    def _excursion(self, price: Decimal | None, direction: int) -> Decimal | None:
        if price is None or self.entry_price is None or self.entered <= 0:
            return None
        return max(ZERO, direction * (price - self.entry_price))

    @property
    def mae_r(self) -> Decimal | None:
        return over(self.mae, self.risk_per_share)

    @property
    def mfe_r(self) -> Decimal | None:
        return over(self.mfe, self.risk_per_share)

    @property
    def mae_money(self) -> Decimal | None:
        """As if all shares had been held then."""
        return None if self.mae is None else self.mae * self.entered

    @property
    def mfe_money(self) -> Decimal | None:
        return None if self.mfe is None else self.mfe * self.entered

    @property
    def slippage(self) -> Decimal | None:
        """Of the entry, per share: more than nothing is worse than decided."""
        if self.entry_price is None:
            return None
        return self.sign * (self.entry_price - self.decision_price)

    @property
    def slippage_money(self) -> Decimal | None:
        return None if self.slippage is None else self.slippage * self.entered

    @property
    def held(self) -> timedelta | None:
        """From the first fill to the last; None while it is open."""
        if self.opened_at is None or self.closed_at is None:
            return None
        return self.closed_at - self.opened_at


def gross_pnl(side: Side, entry: Decimal, exit_price: Decimal, quantity: Decimal) -> Decimal:
    """What so many shares gained between two average prices, before costs."""
    with exactly():
        gain = (exit_price - entry) * quantity
        return gain if side == "BUY" else -gain


def over(value: Decimal | None, unit: Decimal | None) -> Decimal | None:
    """A ratio to eight places; None where there is nothing to divide by."""
    if value is None or unit is None or unit == 0:
        return None
    with exactly():
        return (value / unit).quantize(PLACES)
