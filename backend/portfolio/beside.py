"""Our books beside the broker's, for people: what agrees, what does not, and what was explained."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import AccountSnapshot
from backend.portfolio.books import drift, explaining, positions
from backend.portfolio.books.models import AccountBooks, Adjustment, Drift, Fill
from backend.portfolio.orders.models import RoundTrip

_NONE = Decimal(0)
RECENT = 10


@dataclass(frozen=True, kw_only=True)
class Line:
    """One instrument that either side holds."""

    symbol: str
    ours: Decimal
    brokers: Decimal
    drift: Drift | None

    @property
    def difference(self) -> Decimal:
        return self.brokers - self.ours

    @property
    def state(self) -> str:
        """agrees, looked at again, or drift."""
        if self.drift is not None and self.drift.confirmed_at is not None:
            return "drift"
        return "looked at again" if self.drift or self.difference else "agrees"


@dataclass(frozen=True, kw_only=True)
class OpenDrift:
    row: Drift
    elsewhere: Sequence[Fill]
    """Recent fills that no order of ours explains."""
    closable: Sequence[RoundTrip]
    """Round trips whose shares may be what is missing."""


@dataclass(frozen=True, kw_only=True)
class Beside:
    books: AccountBooks | None
    lines: Sequence[Line]
    drifts: Sequence[OpenDrift]
    """Confirmed and explained by nobody yet: they block new orders."""
    explained: Sequence[Drift]
    """The newest ones first."""
    adjustments: Sequence[Adjustment]


def read(session: Session, account: str, snapshot: AccountSnapshot | None) -> Beside:
    ours = positions.expected(session, account)
    theirs = {each.conid: each for each in snapshot.positions} if snapshot else {}
    open_ones = {row.conid: row for row in drift.unexplained(session, account)}
    lines = []
    for conid in {*ours, *theirs, *open_ones}:
        row = open_ones.get(conid)
        mine, held = ours.get(conid), theirs.get(conid)
        named = held or mine or row
        lines.append(
            Line(
                symbol=named.symbol if named else str(conid),
                ours=mine.quantity if mine else _NONE,
                brokers=held.quantity if held else _NONE,
                drift=row,
            )
        )
    return Beside(
        books=session.get(AccountBooks, account),
        lines=sorted(lines, key=lambda line: (line.state == "agrees", line.symbol)),
        drifts=[_open(session, row) for row in open_ones.values() if row.confirmed_at],
        explained=_explained(session, account),
        adjustments=_adjustments(session, account),
    )


def _open(session: Session, row: Drift) -> OpenDrift:
    return OpenDrift(
        row=row,
        elsewhere=drift.elsewhere(session, row),
        closable=explaining.closable(session, row),
    )


def _explained(session: Session, account: str) -> Sequence[Drift]:
    query = select(Drift).where(Drift.account == account, Drift.explained_at.is_not(None))
    return session.scalars(query.order_by(Drift.explained_at.desc()).limit(RECENT)).all()


def _adjustments(session: Session, account: str) -> Sequence[Adjustment]:
    query = select(Adjustment).where(Adjustment.account == account)
    return session.scalars(query.order_by(Adjustment.id.desc()).limit(RECENT)).all()
