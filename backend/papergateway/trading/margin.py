"""
What positions tie up, by Regulation T and FINRA rule 4210 as IBKR applies them in the day.

Maintenance is 25 % of long stock and 30 % of short stock, of cheap short stock at least a fixed
sum per share (FINRA rule 4210(c)). A pattern day trader opens positions in the day at the
maintenance rate (rule 4210(f)(8)(B)), hence four times the free equity; what is held over
night needs 50 % (Regulation T, 12 CFR 220.12), reported as the Reg T margin.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
LONG = Decimal("0.25")
SHORT = Decimal("0.30")
OVERNIGHT = Decimal("0.50")
LEVERAGE = 4
_CHEAP = Decimal(5)
_CHEAP_A_SHARE = Decimal("2.50")


@dataclass(frozen=True)
class Holding:
    """Shares (short ones negative) at a price."""

    quantity: int
    price: Decimal

    @property
    def value(self) -> Decimal:
        return self.quantity * self.price


def requirement(quantity: int, price: Decimal) -> Decimal:
    """To open and to keep so many shares in the day, in cents."""
    value = abs(quantity) * price
    if quantity >= 0:
        needed = value * LONG
    elif price < _CHEAP:
        needed = max(value, _CHEAP_A_SHARE * -quantity)
    else:
        needed = max(value * SHORT, _CHEAP * -quantity)
    return needed.quantize(CENT, ROUND_HALF_UP)


def total(holdings: Iterable[Holding]) -> Decimal:
    return sum((requirement(each.quantity, each.price) for each in holdings), Decimal(0))


def overnight(holdings: Iterable[Holding]) -> Decimal:
    value = sum((abs(each.value) for each in holdings), Decimal(0))
    return (value * OVERNIGHT).quantize(CENT, ROUND_HALF_UP)


def opening_shares(held: int, wanted: int, spoken_for: int) -> int:
    """
    How many of `wanted` shares (sells negative) open a position rather than close one.

    `spoken_for` are shares of the same side that other working orders will close or open first.
    """
    sign = 1 if wanted > 0 else -1
    closable = max(0, -sign * held)
    left = max(0, closable - abs(spoken_for))
    return sign * max(0, abs(wanted) - left)
