"""How much worse than wanted an order was filled; pure."""

from decimal import Decimal


def per_share(side: str, wanted: Decimal | None, got: Decimal | None) -> Decimal | None:
    """
    In contract currency: above zero it cost more than wanted, below zero it was better.

    None where either price is not known. `wanted` is what the order was decided or triggered at.
    """
    if wanted is None or got is None:
        return None
    return got - wanted if side == "BUY" else wanted - got
