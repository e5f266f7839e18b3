"""What an order would tie up, and whether the account can carry it."""

from collections import defaultdict
from decimal import Decimal

from backend.papergateway.prices.bars import money
from backend.papergateway.trading import margin
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.orders import Kind, Order, Side, Terms


def expected_price(desk: Desk, terms: Terms) -> Decimal:
    """What the order would be expected to trade at, for values, margin and warnings."""
    if terms.limit is not None and terms.kind is not Kind.MIDPRICE:
        return money(terms.limit)
    if terms.stop is not None and terms.kind is Kind.STP:
        return money(terms.stop)
    quote = desk.market.quote(terms.conid, desk.now_ms)
    if quote is None:
        return Decimal(0)
    return quote.ask if terms.side is Side.BUY else quote.bid


def free(desk: Desk, *, without: Order | None = None) -> Decimal:
    """Equity that neither positions nor working orders (but `without`) tie up."""
    equity = desk.equity(desk.now_ms)
    tied = margin.total(desk.holdings(desk.now_ms))
    return equity - tied - sum(_commitments(desk, without).values(), Decimal(0))


def _commitments(desk: Desk, without: Order | None) -> dict[int, Decimal]:
    """What each working order would tie up. Children only close, so they tie up nothing."""
    spoken: dict[tuple[int, Side], int] = defaultdict(int)
    found = {}
    for order in desk.working.values():
        if order.parent_id is None and order is not without:
            key = (order.conid, order.side)
            found[order.id] = needed(desk, order, order.remaining, spoken[key])
            spoken[key] += order.remaining
    return found


def needed(desk: Desk, terms: Terms, shares: int, spoken_for: int) -> Decimal:
    """The margin of so many more shares, as far as they open a position."""
    held = desk.state.books.held(terms.conid)
    opening = margin.opening_shares(held, terms.side.sign * shares, spoken_for)
    return margin.requirement(opening, expected_price(desk, terms))


def spoken_for(desk: Desk, terms: Terms, *, without: Order | None = None) -> int:
    """Shares of the same contract and side that other working orders are for."""
    return sum(
        order.remaining
        for order in desk.working.values()
        if order.parent_id is None
        and order is not without
        and (order.conid, order.side) == (terms.conid, terms.side)
    )


def refusal(desk: Desk, terms: Terms, *, instead_of: Order | None = None) -> str | None:
    """IBKR's words when the account cannot carry the order, else None."""
    filled = instead_of.filled if instead_of else 0
    others = spoken_for(desk, terms, without=instead_of)
    wanted = needed(desk, terms, terms.quantity - filled, others)
    available = free(desk, without=instead_of)
    if wanted == 0 or wanted <= available:
        return None
    equity = desk.equity(desk.now_ms)
    return (
        "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH"
        f" LOAN VALUE [{equity:.2f} USD] MUST EXCEED THE INITIAL MARGIN"
        f" [{equity - available + wanted:.2f} USD]"
    )
