"""What an order would do to the account: the answer of orders/whatif, all in texts."""

from decimal import Decimal
from typing import Any

from backend.papergateway.account import CURRENCY
from backend.papergateway.trading import balances, commissions, funds, margin
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.orders import Side
from backend.papergateway.trading.tickets import Ticket


def document(desk: Desk, ticket: Ticket, *, warning: str | None, why_not: str | None) -> Any:
    terms, now = ticket.terms, balances.of(desk)
    price = funds.expected_price(desk, terms)
    value = price * terms.quantity
    fee = commissions.total(desk.state.plan, terms.side, terms.quantity, value)
    held = desk.state.books.held(terms.conid)
    after = held + terms.side.sign * terms.quantity
    tied = margin.requirement(after, price) - margin.requirement(held, price)
    total = value + fee if terms.side is Side.BUY else value - fee
    return {
        "amount": {
            "amount": f"{value:,.2f} {CURRENCY} ({terms.quantity:,} Shares)",
            "commission": f"{_plain(fee)} {CURRENCY}",
            "total": f"{total:,.2f} {CURRENCY}",
        },
        "equity": _change(now.equity, -fee),
        "initial": _change(now.margin, tied),
        "maintenance": _change(now.margin, tied),
        "position": _change(Decimal(held), Decimal(after - held)),
        "warn": warning,
        "error": why_not,
    }


def _change(current: Decimal, change: Decimal) -> dict[str, str]:
    return {
        "current": _plain(current),
        "change": _plain(change),
        "after": _plain(current + change),
    }


def _plain(amount: Decimal) -> str:
    """Whole numbers without decimals, others with cents."""
    whole = amount == amount.to_integral_value()
    return f"{amount:,.0f}" if whole else f"{amount:,.2f}"
