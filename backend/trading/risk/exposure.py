"""What limits on the whole account have in common: measure, and make room for less."""

from decimal import Decimal

from backend.trading.numbers import exactly
from backend.trading.risk.base import Verdict, at_most, passed, refused_unknown
from backend.trading.risk.proposal import Book, Proposal
from backend.trading.signal import Action

NOT_KNOWN = "Not every position's worth in the account's currency is known"


def gross(book: Book) -> Decimal:
    """Worth of all other instruments, whichever way they are held."""
    with exactly():
        return sum(book.others, Decimal(0))


def net(book: Book, side: Action) -> Decimal:
    """Of all others in the order's direction; negative when they lean the other way."""
    return book.net_long if side is Action.BUY else book.net_short


def within(
    rule: str, proposal: Proposal, others: Decimal | None, limit: Decimal | None, what: str
) -> Verdict:
    """`others` and `limit` are money; `others` is None where it is not known."""
    if others is None:
        if limit is None:
            return passed(rule, proposal, f"{NOT_KNOWN}, and no limit is set.")
        return refused_unknown(rule, proposal, f"{NOT_KNOWN}.", limit=limit)
    with exactly():
        value = others + proposal.worth_after()
    measured = f"The account's {what} would be {value:,.2f}"
    if limit is None:
        return passed(rule, proposal, f"{measured}, and no limit is set.", value=value)
    with exactly():
        room = proposal.room(limit - others)
    measured += f", and {limit:,f} is allowed"
    return at_most(rule, proposal, room, measured, value=value, limit=limit)
