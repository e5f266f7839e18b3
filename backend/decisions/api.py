"""REST for decisions and what followed them."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel

from backend.core.database import SessionDep
from backend.core.errors import InvalidInput
from backend.core.values import Timeframe
from backend.decisions import service
from backend.decisions.cards import Card
from backend.decisions.models import Decision
from backend.decisions.results import Touched
from backend.decisions.service import Filters, Listed, Share
from backend.trading.signal import Action
from backend.web.security import Reader
from backend.workflow.outcome import Outcome

router = APIRouter(prefix="/api")

Id = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
StrategyId = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Symbol = Annotated[str | None, Query(min_length=1, max_length=64)]
Moment = Annotated[datetime | None, Query(description="With a time zone.")]


class AfterOut(BaseModel):
    """`fraction` is in the signal's direction, for a HOLD in a buyer's; `risks` is it in R."""

    bars: int
    fraction: float | None
    risks: float | None
    pending: int | None
    """So many bars are still to close; none where the result is known or will never be."""


class DecisionOut(BaseModel):
    execution_id: int
    strategy_id: int
    strategy_name: str
    strategy_version: int
    symbol: str
    timeframe: Timeframe
    as_of: datetime
    action: Action
    reason_code: str
    sentence: str
    confidence: float | None
    entry: Decimal | None
    stop: Decimal | None
    targets: list[Decimal]
    reward_to_risk: Decimal | None
    analyst: str | None
    is_rule_based: bool
    is_simulated: bool
    outcome: Outcome | None
    cost_usd: Decimal
    after: list[AfterOut]
    touched: Touched | None
    touched_bar: int | None
    touch_is_ambiguous: bool


class DecisionPage(BaseModel):
    decisions: list[DecisionOut]
    next_before: int | None
    """Give it as `before` for the next page; none at the end."""


class ShareOut(BaseModel):
    count: int
    judged: int
    hits: int
    rate: float | None


class SummaryOut(BaseModel):
    """Hits after 5 bars; a HOLD has no direction and is never one."""

    count: int
    actions: dict[Action, ShareOut]
    by_confidence: dict[int, ShareOut]
    """Tenths: 0 is below 10 %."""


def _filters(
    strategy_id: StrategyId = None,
    symbol: Symbol = None,
    action: Action | None = None,
    outcome: Outcome | None = None,
    since: Moment = None,
    until: Moment = None,
    has_plan: Annotated[bool, Query(description="Only with a plan of an order.")] = False,
    has_orders: Annotated[bool, Query(description="Only those that led to orders.")] = False,
    before: Id = None,
) -> Filters:
    for name, moment in (("since", since), ("until", until)):
        if moment is not None and moment.tzinfo is None:
            raise InvalidInput(
                f"{name}: give the time zone too, such as 2026-01-31T00:00:00Z.", field=name
            )
    return Filters(
        strategy_id=strategy_id,
        symbol=symbol,
        action=action,
        outcome=outcome,
        since=since,
        until=until,
        has_plan=has_plan,
        has_orders=has_orders,
        before=before,
    )


FiltersDep = Annotated[Filters, Depends(_filters)]


@router.get("/decisions")
def list_decisions(
    session: SessionDep,
    _key: Reader,
    filters: FiltersDep,
    limit: Annotated[int, Query(ge=1, le=200)] = service.PAGE,
) -> DecisionPage:
    """Newest first. Results are price moves over fixed numbers of bars: no profit or loss."""
    rows = service.find(session, filters, limit)
    return DecisionPage(
        decisions=[_out(row) for row in rows],
        next_before=rows[-1].decision.execution_id if len(rows) == limit else None,
    )


@router.get("/decisions/summary")
def summarize_decisions(session: SessionDep, _key: Reader, filters: FiltersDep) -> SummaryOut:
    summary = service.summary(session, filters)
    return SummaryOut(
        count=summary.count,
        actions={action: _share(share) for action, share in summary.actions.items()},
        by_confidence={tenth: _share(share) for tenth, share in sorted(summary.buckets.items())},
    )


def _share(share: Share) -> ShareOut:
    return ShareOut(count=share.count, judged=share.judged, hits=share.hits, rate=share.rate)


def _out(listed: Listed) -> DecisionOut:
    decision = listed.decision
    return DecisionOut(
        **{name: getattr(decision, name) for name in _OF_DECISION},
        targets=[Decimal(price) for price in decision.targets],
        strategy_name=listed.strategy_name,
        strategy_version=listed.strategy_version,
        cost_usd=listed.cost_usd,
        after=[AfterOut(**vars(after)) for after in Card(listed).after],
    )


_OF_DECISION = set(DecisionOut.model_fields) & set(Decision.__table__.columns.keys()) - {"targets"}
