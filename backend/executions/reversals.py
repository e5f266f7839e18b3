"""
Opposite signals that never came to an order, and close a round trip all the same: a rule for
selling short of a strategy that may not, a signal that a limit blocked.

An opposite signal that does come to an order closes it in that step, before the new one goes out.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.executions import lineage
from backend.executions.models import Execution, LineageRecord, Status
from backend.portfolio import exits
from backend.portfolio.orders import closings
from backend.portfolio.orders.models import RoundTrip
from backend.strategies.models import StrategyVersion
from backend.trading.signal import Action
from backend.workflow.settings import Mode

NOT_MEANT = ("claim_contradicted",)
"""Ends of executions whose signal was found and then not believed."""


def watch(clock: Clock, _broker: Broker) -> int:
    """How many round trips it asked to be closed; the newest signal since each opened counts."""
    asked = 0
    with transaction() as session:
        query = select(RoundTrip).where(
            RoundTrip.closed_at.is_(None), RoundTrip.entered > RoundTrip.left
        )
        for trip in session.scalars(query.order_by(RoundTrip.id)).all():
            planned = exits.of(trip)
            is_asked = planned is not None and planned.on_reversal != "ignore"
            if is_asked and _points_away(session, trip):
                asked += closings.ask_once(session, clock, trip, reason="reversal", by=exits.BY)
    return asked


def _points_away(session: Session, trip: RoundTrip) -> bool:
    newest = session.scalar(
        select(Execution)
        .where(
            Execution.strategy_id == trip.strategy_id,
            Execution.symbol == trip.symbol,
            Execution.id > trip.execution_id,
            Execution.status == Status.FINISHED,
            Execution.replay_of.is_(None),
        )
        .order_by(Execution.id.desc())
        .limit(1)
    )
    if newest is None or newest.reason_code in NOT_MEANT or not _may_trade(session, newest):
        return False
    return _side(_signal(session, newest)) not in (None, trip.side)


def _may_trade(session: Session, execution: Execution) -> bool:
    version = session.get_one(StrategyVersion, execution.strategy_version_id)
    return version.definition.get("mode") != Mode.OBSERVE


def _signal(session: Session, execution: Execution) -> dict[str, Any]:
    query = select(LineageRecord.output).where(
        LineageRecord.execution_id == execution.id,
        LineageRecord.recorded_at >= execution.created_at - lineage.CLOCKS_APART,
        LineageRecord.step == "generate_signal",
        LineageRecord.output.is_not(None),
    )
    output = session.scalar(query.order_by(LineageRecord.sequence.desc()).limit(1))
    return (output or {}).get("signal") or {}


def _side(signal: dict[str, Any]) -> str | None:
    """Where it points; one that would sell short where that is not allowed points down."""
    if signal.get("reason_code") == "short_not_allowed":
        return Action.SELL.value
    action = signal.get("action")
    return action if action in (Action.BUY, Action.SELL) else None
