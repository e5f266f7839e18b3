"""How far a kill switch got in each account: written by who carries it out, read by pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.portfolio.models import HaltProgress
from backend.portfolio.orders.models import Closing


class CancelledOrder(BaseModel):
    """An order whose cancellation the switch asked for; `gone_at` once the broker showed it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    order_id: str
    sentence: str
    asked_at: datetime
    gone_at: datetime | None = None
    became: str = ""
    """How it ended: cancelled, or filled before that."""


class Work(BaseModel):
    """All that was done for a switch in an account, and what the broker showed as left then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cancelled: tuple[CancelledOrder, ...] = ()
    left: tuple[str, ...] = ()
    trouble: tuple[str, ...] = ()
    """What stands in the way, for a person to mend."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    account: str
    looked_at: datetime
    verified_at: datetime | None
    work: Work
    closings: Sequence[Closing]


def read(session: Session, halt_id: int) -> list[Progress]:
    """One per account that was looked at, in the order of their names."""
    rows = session.scalars(
        select(HaltProgress).where(HaltProgress.halt_id == halt_id).order_by(HaltProgress.account)
    )
    return [
        Progress(
            account=row.account,
            looked_at=row.looked_at,
            verified_at=row.verified_at,
            work=Work.model_validate(row.document),
            closings=closings(session, halt_id, row.account),
        )
        for row in rows
    ]


def closings(session: Session, halt_id: int, account: str) -> Sequence[Closing]:
    asked = select(Closing).where(Closing.halt_id == halt_id, Closing.account == account)
    return session.scalars(asked.order_by(Closing.id)).all()


def work(session: Session, halt_id: int, account: str) -> Work:
    """What is on record; nothing before the first look."""
    row = session.get(HaltProgress, (halt_id, account))
    return Work() if row is None else Work.model_validate(row.document)


def keep(session: Session, halt_id: int, account: str, now: datetime, done: Work) -> None:
    """Verified from the first look on at which nothing was left, until something is again."""
    row = session.get(HaltProgress, (halt_id, account))
    if row is None:
        row = HaltProgress(halt_id=halt_id, account=account, verified_at=None)
        session.add(row)
    row.looked_at, row.document = now, done.model_dump(mode="json")
    is_over = not done.left and not done.trouble
    row.verified_at = (row.verified_at or now) if is_over else None
