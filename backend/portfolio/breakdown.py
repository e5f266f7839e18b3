"""What an account's trades came to by strategy and by symbol, open ones included."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from backend.portfolio.holdings import Holdings, Part
from backend.portfolio.orders.models import RoundTrip

_NONE = Decimal(0)
MOST = 50


@dataclass(frozen=True, kw_only=True)
class Line:
    """One strategy, or one symbol."""

    key: int
    """The strategy's number, or the conid."""
    name: str
    currency: str
    trips: int
    """Round trips of which anything was ever filled."""
    realized: Decimal
    """Of what was sold again, after all commissions so far."""
    parts: Sequence[Part]
    """What is held now."""

    @property
    def unrealized(self) -> Decimal:
        return sum((part.unrealized or _NONE for part in self.parts), _NONE)

    @property
    def value(self) -> Decimal:
        return sum((part.value or _NONE for part in self.parts), _NONE)

    @property
    def risk(self) -> Decimal:
        return sum((part.risk or _NONE for part in self.parts), _NONE)

    @property
    def total(self) -> Decimal:
        return self.realized + self.unrealized


def by_strategy(session: Session, account: str, held: Holdings | None) -> list[Line]:
    """Those that ever held something, the ones that hold something now first; at most `MOST`."""
    by, name = RoundTrip.strategy_id, RoundTrip.strategy_name
    return _lines(session, account, by, name, lambda part: part.trip.strategy_id, held)


def by_symbol(session: Session, account: str, held: Holdings | None) -> list[Line]:
    by, name = RoundTrip.conid, RoundTrip.symbol
    return _lines(session, account, by, name, lambda part: part.trip.conid, held)


def _lines(
    session: Session,
    account: str,
    by: InstrumentedAttribute[int],
    name: InstrumentedAttribute[str],
    key: Callable[[Part], int],
    held: Holdings | None,
) -> list[Line]:
    parts: dict[int, list[Part]] = {}
    for row in held.rows if held else ():
        for part in row.parts:
            parts.setdefault(key(part), []).append(part)
    realized = func.sum(func.coalesce(RoundTrip.gross_pnl, 0) - RoundTrip.commission)
    query = (
        select(by, func.max(name), RoundTrip.currency, func.count(), realized)
        .where(RoundTrip.account == account, RoundTrip.entered > 0)
        .group_by(by, RoundTrip.currency)
        .order_by(func.max(RoundTrip.opened_at).desc())
        .limit(MOST)
    )
    lines = [
        Line(
            key=number,
            name=named,
            currency=currency,
            trips=trips,
            realized=Decimal(sum_),
            parts=parts.get(number, ()),
        )
        for number, named, currency, trips, sum_ in session.execute(query)
    ]
    return sorted(lines, key=lambda line: (not line.parts, -line.total))
