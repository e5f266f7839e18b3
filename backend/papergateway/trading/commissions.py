"""
What IBKR charges for US stocks, by its two plans.

Source: interactivebrokers.com/en/pricing/commissions-stocks.php, United States, read in 2026. Both
plans pass the fees of sales on; tiered ones those of clearing and exchanges, too. The exchange
fee is the usual one for taking liquidity at a protected quote, 0.003 a share (SEC rule 610).
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum

from backend.papergateway.trading.orders import Side

CENT = Decimal("0.01")


class Plan(StrEnum):
    FIXED = "fixed"
    TIERED = "tiered"


@dataclass(frozen=True)
class Tier:
    """A price per share for the month's shares above `above`."""

    above: int
    price: Decimal


@dataclass(frozen=True)
class _Rates:
    tiers: tuple[Tier, ...]
    least: Decimal
    per_share: Decimal
    """Clearing and exchange fees."""
    of_commission: Decimal
    """Pass-through fees of NYSE and FINRA."""


MOST = Decimal("0.01")
"""At most so much of the trade's value."""
_SEC_OF_SALES = Decimal("0.0000278")
_FINRA_A_SHARE_SOLD = Decimal("0.000166")
_FINRA_MOST = Decimal("8.30")
_RATES = {
    Plan.FIXED: _Rates((Tier(0, Decimal("0.005")),), Decimal(1), Decimal(0), Decimal(0)),
    Plan.TIERED: _Rates(
        (
            Tier(0, Decimal("0.0035")),
            Tier(300_000, Decimal("0.0020")),
            Tier(3_000_000, Decimal("0.0015")),
            Tier(20_000_000, Decimal("0.0010")),
            Tier(100_000_000, Decimal("0.0005")),
        ),
        Decimal("0.35"),
        Decimal("0.0002") + Decimal("0.003"),
        Decimal("0.000175") + Decimal("0.000563"),
    ),
}


def total(plan: Plan, side: Side, shares: int, value: Decimal, month: int = 0) -> Decimal:
    """
    Everything an order costs that has filled `shares` for `value`, in cents.

    `month` are the shares of the calendar month before this order. The minimum counts once per
    order, so a fill costs what it adds to this; it never falls as an order goes on.
    """
    rates = _RATES[plan]
    commission = min(max(_tiered(rates.tiers, shares, month), rates.least), value * MOST)
    fees = rates.per_share * shares + rates.of_commission * commission
    if side is Side.SELL:
        fees += _SEC_OF_SALES * value + min(_FINRA_A_SHARE_SOLD * shares, _FINRA_MOST)
    return (commission + fees).quantize(CENT, ROUND_HALF_UP)


def _tiered(tiers: tuple[Tier, ...], shares: int, month: int) -> Decimal:
    cost, end = Decimal(0), month + shares
    ceilings = [tier.above for tier in tiers[1:]]
    for tier, ceiling in zip(tiers, [*ceilings, end], strict=True):
        inside = min(end, max(ceiling, tier.above)) - max(month, tier.above)
        cost += max(0, inside) * tier.price
    return cost
