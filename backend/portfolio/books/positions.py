"""What we should hold, by our own books: our fills, and what people explained beside them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.brokers.base import Position
from backend.portfolio.books.models import AccountBooks, Adjustment

HELD_BEFORE = "held_before"
FILLS_FOLLOW_WITHIN = timedelta(minutes=10)
"""A report that its fills have not followed by then is no reason to wait any longer."""


@dataclass(frozen=True)
class Holding:
    """Shares, negative when short."""

    symbol: str
    quantity: Decimal


def expected(session: Session, account: str) -> dict[int, Holding]:
    """By conid; what adds up to nothing is left out."""
    rows = session.execute(_EXPECTED, {"account": account})
    return {row.conid: Holding(row.symbol, row.quantity) for row in rows}


def in_flight(session: Session, account: str, now: datetime) -> set[int]:
    """
    Instruments of which our books cannot be whole now: an order may have gone out without our
    knowing, or was reported a moment ago to have filled more than the fills that we have.
    """
    since = now - FILLS_FOLLOW_WITHIN
    return set(session.scalars(_IN_FLIGHT, {"account": account, "since": since}))


def books(session: Session, account: str) -> AccountBooks:
    """The account's row, held until the transaction ends; made where there is none."""
    session.execute(insert(AccountBooks).values(account=account).on_conflict_do_nothing())
    query = select(AccountBooks).where(AccountBooks.account == account).with_for_update()
    return session.scalars(query, execution_options={"populate_existing": True}).one()


def open_books(
    session: Session, account: str, held: Iterable[Position], now: datetime
) -> list[Adjustment]:
    """What is held at the first look, beside our own fills, counts as held before."""
    ours = expected(session, account)
    made = []
    for position in held:
        known = ours.get(position.conid)
        before = position.quantity - (known.quantity if known else Decimal(0))
        if before:
            made.append(
                Adjustment(
                    account=account,
                    conid=position.conid,
                    symbol=position.symbol,
                    quantity=before,
                    at=now,
                    by="books",
                    reason=HELD_BEFORE,
                )
            )
    session.add_all(made)
    return made


_EXPECTED = text("""
SELECT conid, max(symbol) AS symbol, sum(quantity) AS quantity FROM (
  SELECT conid, symbol, CASE side WHEN 'BUY' THEN quantity ELSE -quantity END AS quantity
  FROM fills WHERE account = :account AND order_id IS NOT NULL
  UNION ALL
  SELECT conid, symbol, quantity FROM position_adjustments WHERE account = :account
) AS entries
GROUP BY conid HAVING sum(quantity) <> 0
""")

_IN_FLIGHT = text("""
SELECT conid FROM orders
WHERE account = :account AND done_at IS NULL AND state IN ('sending', 'unknown')
UNION
SELECT orders.conid FROM orders
LEFT JOIN fills ON fills.order_id = orders.id
WHERE orders.account = :account AND orders.filled > 0 AND orders.updated_at > :since
GROUP BY orders.id HAVING orders.filled > coalesce(sum(fills.quantity), 0)
""")
