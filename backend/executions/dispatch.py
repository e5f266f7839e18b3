"""
Starts executions: claims strategies whose time has come, or takes one that a person asked for.

Any number of dispatchers may run: a due strategy is claimed with FOR UPDATE SKIP LOCKED, and the
executions and the next due time are committed together. The ids are sent after the commit; one
that gets lost is sent again by the reaper.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from backend.core import events, queue
from backend.core.clock import Clock
from backend.core.database import after_commit, transaction
from backend.core.errors import Conflict, InvalidInput, did_you_mean
from backend.core.logging import get_logger
from backend.executions import lineage, service
from backend.executions.models import Execution, Status, Trigger
from backend.strategies import prompts
from backend.strategies import service as strategies
from backend.strategies.definition import schedule_of
from backend.strategies.models import Strategy, StrategyVersion
from backend.strategies.schedule import newest_due
from backend.web import audit
from backend.workflow.outcome import Outcome

logger = get_logger(__name__)

RUN_TASK = "executions.run"
CLAIM_AT_ONCE = 100
PREVIOUS_UNFINISHED = "The execution before this one was still under way at this due time."

# The parts of a definition that matter here: to read whole ones takes longer than the claim.
_TO_DISPATCH = func.jsonb_build_object(
    *("schedule", StrategyVersion.definition["schedule"]),
    *("symbols", StrategyVersion.definition["symbols"]),
    *("analysis", StrategyVersion.definition["analysis"]),
)

# Rows travel as one JSON parameter: a statement of the same text is planned and parsed once.
_INSERT = text("""
INSERT INTO executions (
  strategy_id, strategy_version_id, symbol, due_at, trigger, requested_by, prompt_versions,
  chain_head, status, outcome, reason_code, reason, created_at, finished_at, sent_at,
  record_count, tokens, cost_usd)
SELECT strategy_id, strategy_version_id, symbol, due_at, trigger, requested_by, prompt_versions,
  chain_head, :status, :outcome, :code, :reason, :now,
  CASE WHEN :status = 'finished' THEN CAST(:now AS timestamptz) END, clock_timestamp(), 0, 0, 0
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row(
  strategy_id int, strategy_version_id int, symbol text, due_at timestamptz, trigger text,
  requested_by text, prompt_versions jsonb, chain_head text)
ON CONFLICT DO NOTHING
RETURNING id
""")
_NEXT_DUE = text("""
UPDATE strategies SET next_due_at = row.next_due_at
FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS row(id int, next_due_at timestamptz)
WHERE strategies.id = row.id
""")


@dataclass(frozen=True, kw_only=True)
class Order:
    """One execution to be made."""

    strategy_id: int
    strategy_version_id: int
    symbol: str
    due_at: datetime
    trigger: Trigger
    requested_by: str
    prompt_versions: dict[str, Any]


def dispatch_due(clock: Clock) -> int:
    """Make and send the executions of every due strategy; returns how many were made."""
    made = 0
    while True:
        with transaction() as session:
            claimed, ids = _claim(session, clock)
        made += len(ids)
        if claimed < CLAIM_AT_ONCE:
            return made


def start(
    session: Session,
    clock: Clock,
    strategy: Strategy,
    *,
    symbols: list[str] | None,
    trigger: Trigger,
    requested_by: str,
) -> list[int]:
    """
    Make executions that are due now, outside the schedule; they are sent after the commit.

    `symbols` are some of the strategy's, None is all. Raises `InvalidInput` for others, and
    `Conflict`, naming the execution, when one of them already has one under way.
    """
    version, in_force = strategies.newest(strategy), prompts.in_force(session)
    orders = [
        Order(
            strategy_id=strategy.id,
            strategy_version_id=version.id,
            symbol=symbol,
            due_at=clock.now(),
            trigger=trigger,
            requested_by=requested_by,
            prompt_versions=prompts.pick(version.definition, in_force),
        )
        for symbol in _chosen(symbols, version.definition["symbols"])
    ]
    ids = _insert(session, clock, orders)
    if len(ids) < len(orders):
        raise _already_running(session, strategy, [order.symbol for order in orders])
    send_after_commit(session, ids)
    return ids


def note_start(
    session: Session, clock: Clock, strategy: Strategy, ids: list[int], *, actor: str
) -> None:
    """That somebody started a strategy outside its schedule."""
    audit.record(
        session,
        clock,
        actor=actor,
        action="strategy.played",
        subject=f"strategy {strategy.id}",
        after={"executions": ids},
    )


def _chosen(symbols: list[str] | None, known: list[str]) -> list[str]:
    if symbols is None:
        return known
    if not symbols:
        raise InvalidInput("symbols: name at least one, or leave it out for all.", field="symbols")
    for symbol in symbols:
        if symbol not in known:
            raise InvalidInput(
                f"symbols: the strategy does not trade {symbol!r}; it trades {', '.join(known)}."
                f"{did_you_mean(symbol, known)}",
                field="symbols",
            )
    return list(dict.fromkeys(symbols))


def send_after_commit(session: Session, ids: list[int]) -> None:
    after_commit(session, lambda: send(ids))


def send(ids: list[int]) -> None:
    """Tell the workers and the open pages; what the queue loses the reaper sends again."""
    _tell_pages(ids)
    try:
        for execution_id in ids:
            queue.send(RUN_TASK, execution_id)
    except (OperationalError, RedisError, OSError) as error:
        logger.warning("executions_not_sent", ids=ids, error=str(error))


def _tell_pages(ids: list[int]) -> None:
    for execution_id in ids:
        events.publish(service.subject(execution_id))


def _claim(session: Session, clock: Clock) -> tuple[int, list[int]]:
    now = clock.now()
    due = session.execute(
        select(Strategy.id, Strategy.next_due_at, StrategyVersion.id, _TO_DISPATCH)
        .join(
            StrategyVersion,
            (StrategyVersion.strategy_id == Strategy.id)
            & (StrategyVersion.number == Strategy.version_number),
        )
        .where(Strategy.is_enabled, Strategy.archived_at.is_(None), Strategy.next_due_at <= now)
        .order_by(Strategy.next_due_at)
        .limit(CLAIM_AT_ONCE)
        .with_for_update(of=Strategy, skip_locked=True)
    ).all()
    if not due:
        return 0, []
    in_force = prompts.in_force(session)
    orders, following = [], {}
    for strategy_id, first_due_at, version_id, document in due:
        due_at, following[strategy_id] = newest_due(schedule_of(document), first_due_at, now)
        orders += [
            Order(
                strategy_id=strategy_id,
                strategy_version_id=version_id,
                symbol=symbol,
                due_at=due_at,
                trigger=Trigger.CRON,
                requested_by="schedule",
                prompt_versions=prompts.pick(document, in_force),
            )
            for symbol in document["symbols"]
        ]
    ids = _insert(session, clock, orders)
    if len(ids) < len(orders):
        # A due time that met an unfinished execution is kept as skipped; what was inserted stays.
        skipped = _insert(session, clock, orders, skipped=True)
        after_commit(session, lambda: _tell_pages(skipped))
    _set_next_due(session, following)
    send_after_commit(session, ids)
    return len(due), ids


def _insert(
    session: Session, clock: Clock, orders: list[Order], *, skipped: bool = False
) -> list[int]:
    """Insert what does not collide with an execution that is there; returns the new ids."""
    rows = orjson.dumps([_row(order) for order in orders]).decode()
    parameters = {
        "rows": rows,
        "now": clock.now(),
        "status": Status.FINISHED if skipped else Status.QUEUED,
        "outcome": Outcome.SKIPPED if skipped else None,
        "code": "previous_unfinished" if skipped else None,
        "reason": PREVIOUS_UNFINISHED if skipped else None,
    }
    return list(session.scalars(_INSERT, parameters))


def _row(order: Order) -> dict[str, Any]:
    row = vars(order)
    return row | {"chain_head": lineage.genesis(Execution(**row))}


def _set_next_due(session: Session, following: dict[int, datetime | None]) -> None:
    rows = [{"id": key, "next_due_at": due_at} for key, due_at in following.items()]
    session.execute(_NEXT_DUE, {"rows": orjson.dumps(rows).decode()})


def _already_running(session: Session, strategy: Strategy, symbols: list[str]) -> Conflict:
    running = session.execute(
        select(Execution.id, Execution.symbol).where(
            Execution.strategy_id == strategy.id,
            Execution.symbol.in_(symbols),
            Execution.status != Status.FINISHED,
            Execution.replay_of.is_(None),
        )
    ).first()
    if running is None:
        return Conflict("This strategy was started at this very moment already. Try again.")
    return Conflict(
        f"{strategy.name!r} is already under way for {running.symbol}: execution {running.id}."
        " Wait until it is finished.",
        code="already_running",
    )
