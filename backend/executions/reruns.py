"""Starting again what chosen executions stand for: their strategies and symbols, as of now."""

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.errors import Conflict, InvalidInput
from backend.executions import dispatch
from backend.executions.models import Execution, Status, Trigger
from backend.strategies import service as strategies
from backend.strategies.models import Strategy, StrategyVersion

MOST = 100


@dataclass(frozen=True, kw_only=True)
class Start:
    """One execution to be made, of the newest version of its strategy."""

    strategy_id: int
    strategy: str
    version: int
    symbol: str


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    strategy: str
    symbol: str
    why: str
    execution_id: int
    """The one chosen, or the one that is in the way."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    starts: list[Start]
    left_out: list[LeftOut]


def plan(session: Session, execution_ids: Collection[int]) -> Plan:
    """One start per strategy and symbol. Raises `InvalidInput` for none chosen or too many."""
    _check(execution_ids)
    chosen = _chosen(session, execution_ids)
    under_way = _under_way(session, [(strategy.id, symbol) for _, symbol, strategy, _ in chosen])
    made = Plan(starts=[], left_out=[])
    seen: set[tuple[int, str]] = set()
    for execution_id, symbol, strategy, symbols in chosen:
        pair = (strategy.id, symbol)
        if pair in seen:
            continue
        seen.add(pair)
        why = _obstacle(strategy, symbol, symbols)
        if running := under_way.get(pair):
            why, execution_id = f"Execution {running} is still under way.", running
        if why:
            made.left_out.append(
                LeftOut(strategy=strategy.name, symbol=symbol, why=why, execution_id=execution_id)
            )
        else:
            made.starts.append(_start(strategy, symbol))
    return made


def start(session: Session, clock: Clock, agreed: Plan, *, actor: str) -> tuple[list[int], Plan]:
    """Make the executions; what has come in the way since the plan was made is left out."""
    ids: list[int] = []
    left_out = list(agreed.left_out)
    for each in agreed.starts:
        try:
            ids += dispatch.start(
                session,
                clock,
                strategies.get(session, each.strategy_id),
                symbols=[each.symbol],
                trigger=Trigger.PLAY,
                requested_by=actor,
            )
        except Conflict as conflict:
            running = _under_way(session, [(each.strategy_id, each.symbol)])
            left_out.append(
                LeftOut(
                    strategy=each.strategy,
                    symbol=each.symbol,
                    why=conflict.message,
                    execution_id=next(iter(running.values()), 0),
                )
            )
    return ids, Plan(starts=[], left_out=left_out)


def _chosen(
    session: Session, execution_ids: Collection[int]
) -> list[tuple[int, str, Strategy, list[str]]]:
    """Id and symbol of each, its strategy, and the symbols that this one trades by now."""
    rows = session.execute(
        select(Execution.id, Execution.symbol, Strategy, StrategyVersion.definition["symbols"])
        .join(Strategy, Strategy.id == Execution.strategy_id)
        .join(
            StrategyVersion,
            (StrategyVersion.strategy_id == Strategy.id)
            & (StrategyVersion.number == Strategy.version_number),
        )
        .where(Execution.id.in_(execution_ids))
        .order_by(Strategy.name, Execution.symbol, Execution.id.desc())
    )
    return [(row[0], row[1], row[2], row[3]) for row in rows]


def _check(execution_ids: Collection[int]) -> None:
    if not execution_ids:
        raise InvalidInput("Choose at least one execution in the list.", field="id")
    if len(execution_ids) > MOST:
        raise InvalidInput(f"Choose at most {MOST} executions at a time.", field="id")


def _obstacle(strategy: Strategy, symbol: str, symbols: list[str]) -> str:
    """Why this cannot be started at all; empty when nothing speaks against it."""
    if strategy.archived_at is not None:
        return "The strategy is archived."
    if symbol not in symbols:
        return f"The strategy no longer trades {symbol}."
    return ""


def _start(strategy: Strategy, symbol: str) -> Start:
    return Start(
        strategy_id=strategy.id,
        strategy=strategy.name,
        version=strategy.version_number,
        symbol=symbol,
    )


def _under_way(session: Session, pairs: list[tuple[int, str]]) -> dict[tuple[int, str], int]:
    rows = session.execute(
        select(Execution.strategy_id, Execution.symbol, Execution.id).where(
            tuple_(Execution.strategy_id, Execution.symbol).in_(pairs),
            Execution.status != Status.FINISHED,
            Execution.replay_of.is_(None),
        )
    )
    return {(strategy_id, symbol): execution_id for strategy_id, symbol, execution_id in rows}
