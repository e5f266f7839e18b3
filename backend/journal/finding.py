"""Round trips, each with what its execution's models cost and what people wrote beside it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, TypeVarTuple

from sqlalchemy import ColumnElement, Select, String, case, func, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from backend.core.errors import NotFound
from backend.executions.models import Execution
from backend.journal.asking import Asked, Kind, State
from backend.journal.models import Note
from backend.portfolio.orders.models import RoundTrip
from backend.trading.round_trip import RoundTripFigures, Side

Columns = TypeVarTuple("Columns")

PAGE = 50
AT_ONCE = 1_000
ended = func.coalesce(RoundTrip.closed_at, RoundTrip.planned_at)
"""Where a round trip stands in time: its close, or its plan while there is none."""
kind_column: ColumnElement[str] = case(
    (RoundTrip.is_simulated, Kind.SIMULATED.value),
    (RoundTrip.is_paper, Kind.PAPER.value),
    else_=Kind.LIVE.value,
)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the journal: the columns of a round trip, and what belongs to it elsewhere."""

    id: int
    account: str
    strategy_id: int
    strategy_version: int
    strategy_name: str
    execution_id: int
    is_paper: bool
    is_simulated: bool
    symbol: str
    conid: int
    currency: str
    side: Side
    quantity: Decimal
    decision_price: Decimal
    stop: Decimal
    planned_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    entry_reason: str
    exit_reason: str | None
    entered: Decimal
    entry_price: Decimal | None
    left: Decimal
    exit_price: Decimal | None
    commission: Decimal
    gross_pnl: Decimal | None
    best_price: Decimal | None
    worst_price: Decimal | None
    ai_cost_usd: Decimal | None
    """Of the execution that it follows; None where that one is no longer kept."""
    note: str | None
    tags: list[str] | None

    @property
    def kind(self) -> Kind:
        if self.is_simulated:
            return Kind.SIMULATED
        return Kind.PAPER if self.is_paper else Kind.LIVE

    @property
    def state(self) -> State:
        if self.closed_at is None:
            return State.OPEN
        return State.CLOSED if self.entered > 0 else State.UNFILLED

    @property
    def direction(self) -> str:
        return "long" if self.side == "BUY" else "short"

    @cached_property
    def figures(self) -> RoundTripFigures:
        return RoundTripFigures(
            side=self.side,
            entered=self.entered,
            left=self.left,
            entry_price=self.entry_price,
            exit_price=self.exit_price,
            stop=self.stop,
            decision_price=self.decision_price,
            commission=self.commission,
            gross=self.gross_pnl,
            best=self.best_price,
            worst=self.worst_price,
            opened_at=self.opened_at,
            closed_at=self.closed_at,
        )

    @property
    def net_of_ai(self) -> Decimal | None:
        """
        After commission and what the models cost. Those are paid in US dollars: in another currency
        it is not told, since no exchange rate of that day is kept.
        """
        if self.figures.net is None or self.ai_cost_usd is None or self.currency != "USD":
            return None
        return self.figures.net - self.ai_cost_usd


_ELSEWHERE = (
    Execution.cost_usd.label("ai_cost_usd"),
    Note.text.label("note"),
    Note.tags.label("tags"),
)
_OWN = [
    getattr(RoundTrip, each.name)
    for each in fields(Entry)
    if each.name in RoundTrip.__table__.columns
]
_QUERY = (
    select(*_OWN, *_ELSEWHERE)
    .outerjoin(Execution, Execution.id == RoundTrip.execution_id)
    .outerjoin(Note, Note.round_trip_id == RoundTrip.id)
)


def find(
    session: Session, asked: Asked, *, before: int | None = None, limit: int = PAGE
) -> list[Entry]:
    """Newest first; `before` is the round trip that the page before ended with."""
    query = narrowed(_QUERY, asked).order_by(ended.desc(), RoundTrip.id.desc()).limit(limit)
    if before is not None:
        query = query.where(tuple_(ended, RoundTrip.id) < _place_of(session, before))
    return [_entry(row) for row in session.execute(query)]


def get(session: Session, round_trip_id: int) -> Entry:
    """Raises `NotFound`."""
    row = session.execute(_QUERY.where(RoundTrip.id == round_trip_id)).one_or_none()
    if row is None:
        raise NotFound(f"There is no round trip {round_trip_id}.")
    return _entry(row)


def oldest_first(session: Session, asked: Asked) -> Iterator[Entry]:
    """All that match, read in portions."""
    query = narrowed(_QUERY, asked).order_by(ended, RoundTrip.id)
    for row in session.execute(query.execution_options(yield_per=AT_ONCE)):
        yield _entry(row)


def counts(session: Session, asked: Asked) -> dict[tuple[Kind, State], int]:
    """How many there are of each kind and state, whatever kind and state is asked for."""
    query = select(kind_column, state_column, func.count()).select_from(RoundTrip)
    query = query.outerjoin(Note, Note.round_trip_id == RoundTrip.id).group_by(
        kind_column, state_column
    )
    wider = asked.model_copy(update={"kind": None, "state": None})
    return {
        (Kind(kind), State(state)): count
        for kind, state, count in session.execute(narrowed(query, wider))
    }


def _entry(row: Any) -> Entry:
    return Entry(**row._mapping)


def _place_of(session: Session, round_trip_id: int) -> Any:
    """Where a page ended. Raises `NotFound`."""
    moment = session.scalar(select(ended).where(RoundTrip.id == round_trip_id))
    if moment is None:
        raise NotFound(f"There is no round trip {round_trip_id} to go on from.")
    return tuple_(moment, round_trip_id)


state_column: ColumnElement[str] = case(
    (RoundTrip.closed_at.is_(None), State.OPEN.value),
    (RoundTrip.entered > 0, State.CLOSED.value),
    else_=State.UNFILLED.value,
)


def narrowed(query: Select[*Columns], asked: Asked) -> Select[*Columns]:
    """Only what is asked for; the query names round trips and, for tags, their notes."""
    return query.where(*_conditions(asked))


def _conditions(asked: Asked) -> Sequence[ColumnElement[bool]]:
    plain = ("account", "strategy_id", "symbol", "side", "exit_reason", "currency")
    wanted: list[ColumnElement[bool]] = [
        getattr(RoundTrip, name) == value
        for name in plain
        if (value := getattr(asked, name)) is not None
    ]
    if asked.kind is not None:
        wanted.append(kind_column == asked.kind.value)
    if asked.state is not None:
        wanted.append(state_column == asked.state.value)
    if asked.tag is not None:
        wanted.append(Note.tags.contains([asked.tag.lower()]))
    if asked.starts is not None:
        wanted.append(ended >= asked.starts)
    if asked.ends is not None:
        wanted.append(ended < asked.ends)
    return wanted


def choices(session: Session) -> tuple[list[str], list[tuple[int, str]], list[str]]:
    """Accounts, strategies by their newest name, and tags that there are."""
    accounts = session.scalars(select(RoundTrip.account).distinct().order_by(RoundTrip.account))
    newest = (
        select(RoundTrip.strategy_id, RoundTrip.strategy_name)
        .ext(distinct_on(RoundTrip.strategy_id))
        .order_by(RoundTrip.strategy_id, RoundTrip.id.desc())
    )
    tag = func.jsonb_array_elements_text(Note.tags, type_=String).label("tag")
    each_tag = select(tag).select_from(Note).distinct().order_by(tag).limit(100)
    tags = session.scalars(each_tag)
    strategies = [(each, name) for each, name in session.execute(newest)]
    return list(accounts), sorted(strategies, key=lambda each: each[1].lower()), list(tags)
