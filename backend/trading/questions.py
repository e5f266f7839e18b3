"""
Which of the broker's questions are answered yes without asking anybody; pure.

IBKR asks before it takes some orders, and an unanswered question dies with the next request, so
that nobody can be asked in between. A yes is given where our own checks cover what the question
warns of; every other one is answered no, and the execution ends with its text. A strategy may add
ids that its owner has thought about. Ids and words: Client Portal API field notes, section 5.3.
"""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal

from backend.trading.numbers import exactly
from backend.trading.plan import OrderPlan

COVERED = {
    "o403": "the stop and the entry were held against the quote a moment before",
    "o10151": "the strategy asks for market orders",
    "o10152": "a stop that becomes a market order is how the position is protected",
    "o10153": "a cap on the price only protects",
    "o10331": "a stop order is how the position is protected",
}
"""Message id -> why our own checks cover it."""

REFUSED = {
    "o163": "the limit is more than 3 % away from the market",
    "o354": "the broker has no market data for it",
    "o382": "a price does not lie on the broker's tick",
    "o383": "it is larger than the broker's size limit of 500",
    "o451": "it is worth more than the broker's limit of 100,000",
    "o10138": "it changes the size by more than the broker's limit",
    "o10164": "its size is an amount of cash",
    "o10223": "its size is an amount of cash",
}
"""What the best-known of the others warn of, in our words."""


@dataclass(frozen=True)
class Answer:
    is_yes: bool
    by: str
    """As the question's record names it."""
    why: str


_NEAR = Decimal("0.03")
_LIMITS = {"o383": "max_quantity", "o451": "max_order_value"}
"""What a limit of our own covers, since somebody has said how large an order may be."""


def covered_by_limits(set_limits: Collection[str]) -> tuple[str, ...]:
    """`set_limits` are the names of those that anybody has set."""
    return tuple(each for each, limit in _LIMITS.items() if limit in set_limits)


def covered_by_price(plan: OrderPlan, quote: Decimal | None) -> tuple[str, ...]:
    """
    `o163` where the entry is near the market: then it warns of a target, which is meant to be away.

    The question tells by its words alone which order of a bracket it is about.
    """
    if plan.order_type == "MKT":
        return ("o163",)
    if quote is None:
        return ()
    with exactly():
        is_near = abs(plan.entry - quote) <= _NEAR * quote
    return ("o163",) if is_near else ()


def answer(
    message_ids: Collection[str], allowed: Collection[str] = (), covered: Collection[str] = ()
) -> Answer:
    """
    Yes only where every id of the question is covered or allowed.

    `allowed` are the strategy's own, `covered` those that checks of this very order cover.
    """
    if not message_ids:
        return Answer(False, "policy: no id", "a question without an id is never answered yes")
    bare = [each for each in message_ids if each not in COVERED and each not in covered]
    unknown = [each for each in bare if each not in allowed]
    if unknown:
        named = REFUSED.get(unknown[0], "Glassbox does not answer it by itself")
        return Answer(False, f"policy: {unknown[0]} is not allowed", named)
    if bare:
        return Answer(True, "policy: the strategy allows it", f"{bare[0]} is allowed")
    first = next(iter(message_ids))
    why = COVERED.get(first, "a limit of this order covers it")
    return Answer(True, f"policy: {first} is covered", why)


def mend(message_ids: Collection[str]) -> str:
    """What a person can do after a no."""
    if not message_ids:
        return "Look at the text, and place the order by hand if you want it all the same."
    named = ", ".join(message_ids)
    return (
        f"If you want such orders to go out, add {named} to the strategy's orders.allow_questions;"
        " or make the order smaller or nearer to the market."
    )
