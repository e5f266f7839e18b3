"""Differences between the broker's positions and our books: seen, confirmed, gone again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Position
from backend.core.clock import Clock, real_seconds
from backend.notifications.events import Event
from backend.notifications.service import tell
from backend.portfolio.books import positions as own
from backend.portfolio.books.models import Drift, Fill

CONFIRM_SECONDS = 10.0
"""A second look so much later finds the same before anybody is alarmed: fills travel."""
BOOKS = "books"


@dataclass
class Look:
    """What a comparison of positions found."""

    opened: bool = False
    """The first look at this account: whatever it holds was held before."""
    seen: list[Drift] = field(default_factory=list)
    """Not confirmed yet: worth another look soon."""
    confirmed: list[Drift] = field(default_factory=list)
    gone: list[Drift] = field(default_factory=list)


def look(session: Session, clock: Clock, account: str, held: Sequence[Position]) -> Look:
    """
    Lay the broker's positions beside our books. Fills are to be read just before that.

    Holds the account's books until the caller commits.
    """
    books, now = own.books(session, account), clock.now()
    books.looked_at = now
    if books.opened_at is None:
        books.opened_at = now
        own.open_books(session, account, held, now)
        return Look(opened=True)
    found = Look()
    uncertain = own.in_flight(session, account, now)
    rows = {row.conid: row for row in unexplained(session, account)}
    for difference in _differences(session, account, held, rows.values()):
        row = rows.get(difference.conid)
        if difference.ours == difference.brokers:
            _is_gone(session, row, now, found)
        elif row is None:
            _see(session, difference, now, found)
        else:
            is_certain = difference.conid not in uncertain
            _see_again(session, clock, row, difference, found, is_certain=is_certain)
    return found


def unexplained(session: Session, account: str | None = None) -> list[Drift]:
    """Confirmed or not, the oldest first; of all accounts without one."""
    query = select(Drift).where(Drift.explained_at.is_(None)).order_by(Drift.seen_at, Drift.id)
    if account is not None:
        query = query.where(Drift.account == account)
    return list(session.scalars(query))


def blocking(session: Session, account: str) -> list[Drift]:
    """Confirmed and explained by nobody: nothing new may be ordered on this account."""
    return [row for row in unexplained(session, account) if row.confirmed_at is not None]


def sentence(row: Drift) -> str:
    return (
        f"The broker holds {_shares(row.brokers)} {row.symbol}, our books say"
        f" {_shares(row.ours)}. Nothing new is ordered on {row.account} until somebody explains it"
        " on the portfolio page."
    )


@dataclass(frozen=True)
class _Difference:
    account: str
    conid: int
    symbol: str
    ours: Decimal
    brokers: Decimal


def _differences(
    session: Session, account: str, held: Iterable[Position], rows: Iterable[Drift]
) -> list[_Difference]:
    """Of every instrument that either side holds, or that differed before."""
    ours = own.expected(session, account)
    brokers = {each.conid: own.Holding(each.symbol, each.quantity) for each in held}
    known = {row.conid: own.Holding(row.symbol, Decimal(0)) for row in rows}
    nothing = own.Holding("", Decimal(0))
    return [
        _Difference(
            account=account,
            conid=conid,
            symbol=(brokers.get(conid) or ours.get(conid) or known[conid]).symbol,
            ours=ours.get(conid, nothing).quantity,
            brokers=brokers.get(conid, nothing).quantity,
        )
        for conid in sorted({*ours, *brokers, *known})
    ]


def _see(session: Session, difference: _Difference, now: datetime, found: Look) -> None:
    row = Drift(**vars(difference), seen_at=now)
    session.add(row)
    found.seen.append(row)


def _see_again(
    session: Session,
    clock: Clock,
    row: Drift,
    difference: _Difference,
    found: Look,
    *,
    is_certain: bool,
) -> None:
    is_same = [row.ours, row.brokers] == [difference.ours, difference.brokers]
    row.ours, row.brokers = difference.ours, difference.brokers
    if row.confirmed_at is not None:
        return
    now = clock.now()
    if not is_same:
        row.seen_at = now
    waited = real_seconds(clock, (now - row.seen_at) / timedelta(seconds=1))
    if is_certain and waited >= CONFIRM_SECONDS:
        _confirm(session, clock, row)
        found.confirmed.append(row)
    else:
        found.seen.append(row)


def _confirm(session: Session, clock: Clock, row: Drift) -> None:
    row.confirmed_at = clock.now()
    tell(
        session,
        clock,
        event=Event.DRIFT,
        key=f"drift-{row.id}",
        title=f"The broker holds {_shares(row.brokers)} {row.symbol}, we expected"
        f" {_shares(row.ours)}",
        text=f"{sentence(row)} {_hint(session, row)}".strip(),
        path=f"/portfolio?account={row.account}",
    )


def _hint(session: Session, row: Drift) -> str:
    """What nobody of us did may be the reason."""
    made = elsewhere(session, row)
    return " ".join(
        f"{each.side.capitalize()} of {_shares(each.quantity)} at {each.price.normalize():f} was"
        f" made elsewhere at {each.at:%Y-%m-%d %H:%M} UTC."
        for each in made[-3:]
    )


def elsewhere(session: Session, row: Drift) -> list[Fill]:
    """Recent fills of this instrument that no order of ours explains, oldest first."""
    query = select(Fill).where(
        Fill.account == row.account,
        Fill.conid == row.conid,
        Fill.order_id.is_(None),
        Fill.at > row.seen_at - timedelta(days=8),
    )
    return list(session.scalars(query.order_by(Fill.at, Fill.id)))


def _is_gone(session: Session, row: Drift | None, now: datetime, found: Look) -> None:
    """An alarm that was given stays on record; a passing difference was none."""
    if row is None:
        return
    if row.confirmed_at is None:
        session.delete(row)
    else:
        row.explained_at, row.explained_by = now, BOOKS
        row.explanation = "The two sides agree again."
    found.gone.append(row)


def _shares(quantity: Decimal) -> str:
    return f"{quantity.normalize():f}"
