"""The kill switches that are pulled, with what each has done so far and what one would reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from backend.portfolio import halt_progress, halts
from backend.portfolio.halt_progress import Progress
from backend.portfolio.orders.models import Order, RoundTrip
from backend.risk.service import Target
from backend.trading.oversight import MEANINGS, Halt, Meaning, is_stronger


@dataclass(frozen=True, kw_only=True)
class Switch:
    """`words` release it; None for the file, which a page cannot touch."""

    halt: Halt
    words: str | None
    progress: Sequence[Progress]

    @property
    def stronger(self) -> tuple[Meaning, ...]:
        """What it could be made to mean."""
        if self.words is None:
            return ()
        return tuple(each for each in MEANINGS if is_stronger(each, self.halt.meaning))

    @property
    def needs_work(self) -> bool:
        return self.halt.meaning != "stop"

    @property
    def verified_at(self) -> datetime | None:
        """Since when nothing is left in any account; None while something is, or unseen."""
        moments = [each.verified_at for each in self.progress]
        known = [moment for moment in moments if moment is not None]
        return max(known) if known and len(known) == len(moments) else None


def pulled(session: Session) -> list[Switch]:
    """The file's first, then the widest."""
    by_file = halts.by_file(halts.file())
    rows = halts.in_force(session)
    found = [
        Switch(
            halt=halts.as_value(row),
            words=halts.confirmation(row.scope, row.target),
            progress=halt_progress.read(session, row.id),
        )
        for row in rows
    ]
    if by_file is None:
        return found
    return [Switch(halt=by_file, words=None, progress=()), *found]


@dataclass(frozen=True, kw_only=True)
class Reach:
    """What our books hold for a target: open orders, and round trips with shares in them."""

    orders: Sequence[Order]
    trips: Sequence[RoundTrip]


def reach(session: Session, target: Target) -> Reach:
    orders = _of(select(Order).where(Order.done_at.is_(None)), Order, target)
    held = select(RoundTrip).where(
        RoundTrip.closed_at.is_(None), RoundTrip.entered > RoundTrip.left
    )
    trips = _of(held, RoundTrip, target)
    return Reach(
        orders=session.scalars(orders.order_by(Order.id)).all(),
        trips=session.scalars(trips.order_by(RoundTrip.id)).all(),
    )


def _of(query: Select[Any], table: type[Order] | type[RoundTrip], target: Target) -> Select[Any]:
    if target.scope == "account":
        return query.where(table.account == target.target)
    if target.scope == "strategy":
        return query.where(table.strategy_id == int(target.target))
    return query


def mark(session: Session) -> str:
    """A short text that is another one as soon as a switch, or what it has done, is."""
    return str(session.scalar(_MARK))


_MARK = text("""
SELECT concat_ws('.',
  (SELECT max(id) FROM audit_log WHERE action LIKE 'halt.%' OR action LIKE 'limits.%'),
  (SELECT max(looked_at) FROM halt_progress),
  (SELECT string_agg(id || state, ',' ORDER BY id) FROM closings WHERE done_at IS NULL),
  (SELECT count(*) FROM closings WHERE done_at IS NOT NULL))
""")
