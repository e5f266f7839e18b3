"""What accounts were worth: written every few minutes, read for drawdown and losses."""

from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from backend.brokers.base import AccountSnapshot
from backend.portfolio import looks
from backend.portfolio.models import EquitySnapshot
from backend.trading.oversight import EquityHistory
from backend.workflow import exposure

LOOK_BACK_FOR_LOSSES = timedelta(days=8)
"""Longer than any rest after a loss can be asked for."""


def record(session: Session, snapshot: AccountSnapshot, *, is_simulated: bool) -> EquitySnapshot:
    book = exposure.book(snapshot)
    row = EquitySnapshot(
        account=snapshot.account,
        at=snapshot.taken_at,
        currency=snapshot.currency,
        is_paper=snapshot.is_paper,
        is_simulated=is_simulated,
        cash=snapshot.cash,
        equity=snapshot.equity,
        buying_power=snapshot.buying_power,
        day_pnl=snapshot.day_pnl,
        realized_pnl=snapshot.realized_pnl,
        gross_exposure=book and sum(book.others),
        net_exposure=book and max(book.net_long, book.net_short),
        largest_position=book and sum(book.others[:1]),
        largest_three=book and sum(book.others[:3]),
        open_positions=len(snapshot.positions),
    )
    session.add(row)
    looks.keep(session, snapshot)
    return row


def newest(session: Session, account: str) -> EquitySnapshot | None:
    query = select(EquitySnapshot).where(EquitySnapshot.account == account)
    return session.scalar(query.order_by(EquitySnapshot.at.desc()).limit(1))


def accounts(session: Session) -> list[str]:
    """Those that were ever looked at."""
    return sorted(session.scalars(select(EquitySnapshot.account).distinct()))


def history(session: Session, account: str, now: datetime) -> EquityHistory | None:
    """None before anything was seen. Nothing that was seen after `now` is told."""
    query = select(EquitySnapshot).where(
        EquitySnapshot.account == account, EquitySnapshot.at <= now
    )
    last = session.scalar(query.order_by(EquitySnapshot.at.desc()).limit(1))
    peak = session.scalar(query.order_by(EquitySnapshot.equity.desc(), EquitySnapshot.at).limit(1))
    if last is None or peak is None:
        return None
    loss = session.execute(
        _NEWEST_LOSS, {"account": account, "now": now, "since": now - LOOK_BACK_FOR_LOSSES}
    ).one_or_none()
    return EquityHistory(
        peak=peak.equity,
        peak_at=peak.at,
        seen_at=last.at,
        day_pnl=last.day_pnl,
        loss=loss and loss.loss,
        loss_at=loss and loss.at,
    )


# A fall of the realised profit to exactly nothing is the broker's daily reset after a day that
# won, not a loss.
_NEWEST_LOSS = text("""
SELECT at, before - realized_pnl AS loss FROM (
  SELECT at, realized_pnl, lag(realized_pnl) OVER (ORDER BY at) AS before
  FROM equity_snapshots
  WHERE account = :account AND at BETWEEN :since AND :now AND realized_pnl IS NOT NULL
) AS seen
WHERE realized_pnl < before AND realized_pnl <> 0
ORDER BY at DESC LIMIT 1
""")
