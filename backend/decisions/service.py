"""Finding decisions, and what they come to together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVarTuple

from sqlalchemy import Integer, Row, Select, cast, func, select, tuple_
from sqlalchemy.orm import Session

from backend.core.clock import to_ms
from backend.core.values import Timeframe
from backend.decisions.models import Decision
from backend.executions.models import Execution
from backend.market.marks import DecisionMark
from backend.portfolio.orders.models import RoundTrip
from backend.strategies.models import Strategy, StrategyVersion
from backend.trading.signal import Action
from backend.workflow.outcome import Outcome

PAGE = 24
SUBJECT = "decisions"
"""What open pages watch."""
BUCKETS = 10
"""Of confidence: tenths."""

Columns = TypeVarTuple("Columns")


@dataclass(frozen=True, kw_only=True)
class Filters:
    """Each one narrows; `before` is the execution that the page before ended with."""

    strategy_id: int | None = None
    symbol: str | None = None
    action: Action | None = None
    outcome: Outcome | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Decisions of this moment are no longer in."""
    has_plan: bool = False
    has_orders: bool = False
    """Orders were made of it, whatever became of them."""
    before: int | None = None


@dataclass(frozen=True, kw_only=True)
class Listed:
    decision: Decision
    strategy_name: str
    strategy_version: int
    cost_usd: Decimal
    tokens: int
    trip: RoundTrip | None
    """The trade that it led to."""


@dataclass(frozen=True, kw_only=True)
class Share:
    """`hits` of `judged` went the decision's way; `count` of them there are, judged or not."""

    count: int
    judged: int
    hits: int

    @property
    def rate(self) -> float | None:
        return self.hits / self.judged if self.judged else None

    def __add__(self, other: "Share") -> "Share":
        return Share(
            count=self.count + other.count,
            judged=self.judged + other.judged,
            hits=self.hits + other.hits,
        )


NONE = Share(count=0, judged=0, hits=0)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Over all that the filters let through. A HOLD has no direction, so it is never a hit."""

    actions: dict[Action, Share]
    buckets: dict[int, Share]
    """Tenths of confidence, 0 being below 10 %, over signals to buy or sell that have one."""

    @property
    def count(self) -> int:
        return sum(share.count for share in self.actions.values())

    @property
    def trades(self) -> Share:
        trades = (self.actions.get(action, NONE) for action in (Action.BUY, Action.SELL))
        return sum(trades, NONE)


def mark(session: Session) -> str:
    """
    A short text that is another one as soon as a decision came, or more is known of one.

    Each part is the end of an index: whatever is looked at again waits for a later moment then.
    """
    newest = session.scalar(select(func.max(Decision.recorded_at)))
    next_look = session.scalar(
        select(func.min(Decision.next_look_at)).where(Decision.next_look_at.is_not(None))
    )
    unended = session.scalar(select(func.count()).where(Decision.outcome.is_(None)))
    moments = [str(to_ms(each)) if each else "" for each in (newest, next_look)]
    return ".".join([*moments, str(unended)])


def find(session: Session, filters: Filters, limit: int = PAGE) -> list[Listed]:
    """Newest first, at most `limit`."""
    query = (
        select(
            Decision,
            Strategy.name,
            StrategyVersion.number,
            Execution.cost_usd,
            Execution.tokens,
            RoundTrip,
        )
        .join(Strategy, Strategy.id == Decision.strategy_id)
        .join(StrategyVersion, StrategyVersion.id == Decision.strategy_version_id)
        .join(Execution, Execution.id == Decision.execution_id)
        .outerjoin(RoundTrip, RoundTrip.execution_id == Decision.execution_id)
        .order_by(Decision.as_of.desc(), Decision.execution_id.desc())
        .limit(limit)
    )
    if filters.before is not None:
        place = tuple_(Decision.as_of, Decision.execution_id)
        query = query.where(place < _place_of(session, filters.before))
    rows = session.execute(_narrowed(query, filters)).all()
    return [
        Listed(
            decision=decision,
            strategy_name=name,
            strategy_version=number,
            cost_usd=cost,
            tokens=t,
            trip=trip,
        )
        for decision, name, number, cost, t, trip in rows
    ]


def _place_of(session: Session, execution_id: int) -> Any:
    """Where a page ended; one that is gone ended before everything."""
    as_of = session.scalar(select(Decision.as_of).where(Decision.execution_id == execution_id))
    return tuple_(as_of or datetime(1970, 1, 1, tzinfo=UTC), execution_id)


def summary(session: Session, filters: Filters) -> Summary:
    tenth = func.least(cast(func.floor(Decision.confidence * BUCKETS), Integer), BUCKETS - 1)
    query = select(
        Decision.action,
        tenth.label("tenth"),
        func.count(),
        func.count(Decision.after_5),
        func.count().filter(Decision.after_5 > 0),
    ).group_by(Decision.action, tenth)
    return _summed(session.execute(_narrowed(query, filters)).all())


def _summed(rows: Sequence[Row[*tuple[Any, ...]]]) -> Summary:
    actions: dict[Action, Share] = {}
    buckets: dict[int, Share] = {}
    for action, tenth, count, judged, hits in rows:
        share = Share(count=count, judged=judged, hits=hits)
        actions[action] = actions.get(action, NONE) + share
        if tenth is not None and action is not Action.HOLD:
            buckets[tenth] = buckets.get(tenth, NONE) + share
    return Summary(actions=actions, buckets=buckets)


def marks(
    session: Session, conid: int, timeframe: Timeframe | None, limit: int
) -> list[DecisionMark]:
    """The newest decisions about a contract, as its chart shows them."""
    query = (
        select(Decision, Strategy.name)
        .join(Strategy, Strategy.id == Decision.strategy_id)
        .where(Decision.conid == conid)
        .order_by(Decision.as_of.desc(), Decision.execution_id.desc())
        .limit(limit)
    )
    if timeframe is not None:
        query = query.where(Decision.timeframe == timeframe)
    return [
        DecisionMark(
            execution_id=decision.execution_id,
            strategy_name=name,
            timeframe=decision.timeframe,
            action=decision.action.value,
            confidence=decision.confidence,
            as_of=decision.as_of,
            bar_time=decision.last_bar_time,
        )
        for decision, name in session.execute(query)
    ]


def strategies(session: Session) -> list[tuple[int, str]]:
    """Those that have decided something, in use or not."""
    query = select(Strategy.id, Strategy.name).order_by(Strategy.name)
    decided = select(Decision.execution_id).where(Decision.strategy_id == Strategy.id).exists()
    return [(each, name) for each, name in session.execute(query.where(decided))]


def _narrowed(query: Select[*Columns], filters: Filters) -> Select[*Columns]:
    for name in ("strategy_id", "symbol", "action", "outcome"):
        wanted = getattr(filters, name)
        if wanted is not None:
            query = query.where(getattr(Decision, name) == wanted)
    if filters.since is not None:
        query = query.where(Decision.as_of >= filters.since)
    if filters.until is not None:
        query = query.where(Decision.as_of < filters.until)
    if filters.has_plan:
        query = query.where(Decision.has_plan)
    if filters.has_orders:
        query = query.where(Decision.execution_id.in_(select(RoundTrip.execution_id)))
    return query
