"""The account that is traded, in a few figures: what it is worth, may lose, and has at work."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.portfolio import accounts, equity, holdings
from backend.portfolio.books import drift
from backend.portfolio.holdings import Holdings
from backend.portfolio.models import EquitySnapshot
from backend.portfolio.orders.models import Order


@dataclass(frozen=True, kw_only=True)
class Account:
    id: str
    held: Holdings | None
    worth: EquitySnapshot | None
    working_orders: int
    blocking_drifts: int


def account(session: Session, usual: str | None) -> Account | None:
    """None while no account was ever looked at. `usual` is the one that the gateway has chosen."""
    found = accounts.choose(session, "", usual)
    if found is None:
        return None
    working = select(func.count()).where(Order.account == found, Order.done_at.is_(None))
    return Account(
        id=found,
        held=holdings.read(session, found),
        worth=equity.newest(session, found),
        working_orders=session.scalar(working) or 0,
        blocking_drifts=len(drift.blocking(session, found)),
    )
