"""Saving and finding strategies; every save of a changed definition is a new version."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from backend.core.clock import Clock
from backend.core.errors import Conflict, NotFound, did_you_mean
from backend.strategies import prompts
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Strategy, StrategyVersion
from backend.strategies.schedule import next_due


def list_all(session: Session) -> list[Strategy]:
    query = select(Strategy).where(Strategy.archived_at.is_(None)).order_by(Strategy.name)
    return list(session.scalars(query.options(selectinload(Strategy.versions))))


def get(session: Session, strategy_id: int) -> Strategy:
    strategy = session.get(Strategy, strategy_id, options=[selectinload(Strategy.versions)])
    if strategy is None or strategy.archived_at is not None:
        raise NotFound(f"There is no strategy {strategy_id}.")
    return strategy


def find(session: Session, name_or_id: str) -> Strategy:
    """By id, or by its name. Raises `NotFound` with the nearest name."""
    if name_or_id.isdecimal():
        return get(session, int(name_or_id))
    strategies = {strategy.name: strategy for strategy in list_all(session)}
    if name_or_id not in strategies:
        hint = did_you_mean(name_or_id, strategies)
        raise NotFound(f"No strategy is named {name_or_id!r}.{hint}")
    return strategies[name_or_id]


def newest(strategy: Strategy) -> StrategyVersion:
    """The version that runs."""
    return strategy.versions[-1]


def version(strategy: Strategy, number: int) -> StrategyVersion:
    for each in strategy.versions:
        if each.number == number:
            return each
    raise NotFound(
        f"{strategy.name!r} has no version {number}; the newest is {strategy.version_number}."
    )


def create(
    session: Session, clock: Clock, *, document: Any, author: str, is_enabled: bool = False
) -> Strategy:
    """Raises `InvalidInput` for a definition that could not run, `Conflict` for a name in use."""
    definition = _checked(session, document)
    _refuse_name_in_use(session, definition.name)
    now = clock.now()
    strategy = Strategy(
        name=definition.name,
        is_enabled=is_enabled,
        next_due_at=next_due(definition.schedule, now),
        created_at=now,
        updated_at=now,
        version_number=0,
        versions=[],
    )
    session.add(strategy)
    _add_version(strategy, definition, clock, author)
    session.flush()
    return strategy


def update(
    session: Session, clock: Clock, strategy: Strategy, *, document: Any, author: str
) -> StrategyVersion:
    """Save a new version and run it from now on; an unchanged definition adds none."""
    definition = _checked(session, document)
    if definition.name != strategy.name:
        _refuse_name_in_use(session, definition.name)
    # Not the stored texts: an older version may lack fields that have come since.
    if definition == StrategyDefinition.stored(newest(strategy).definition):
        return newest(strategy)
    strategy.name = definition.name
    strategy.next_due_at = next_due(definition.schedule, clock.now())
    strategy.updated_at = clock.now()
    added = _add_version(strategy, definition, clock, author)
    session.flush()
    return added


def enable(clock: Clock, strategy: Strategy, *, is_enabled: bool) -> None:
    """Switch the schedule on or off; due times that passed while it was off are not made up."""
    strategy.is_enabled = is_enabled
    strategy.updated_at = clock.now()
    definition = StrategyDefinition.stored(newest(strategy).definition)
    strategy.next_due_at = next_due(definition.schedule, clock.now())


def archive(clock: Clock, strategy: Strategy) -> None:
    """Take it out of use; what it did stays readable and its name is free again."""
    strategy.archived_at = clock.now()
    strategy.is_enabled = False
    strategy.next_due_at = None


def _checked(session: Session, document: Any) -> StrategyDefinition:
    definition = StrategyDefinition.checked(document)
    prompts.check_names(session, definition.analysis.prompts.model_dump())
    return definition


def _refuse_name_in_use(session: Session, name: str) -> None:
    taken = select(Strategy.id).where(Strategy.name == name, Strategy.archived_at.is_(None))
    if session.scalar(taken) is not None:
        raise Conflict(f"A strategy is already named {name!r}. Choose another name.", field="name")


def _add_version(
    strategy: Strategy, definition: StrategyDefinition, clock: Clock, author: str
) -> StrategyVersion:
    strategy.version_number += 1
    added = StrategyVersion(
        number=strategy.version_number,
        definition=definition.model_dump(mode="json"),
        created_at=clock.now(),
        created_by=author,
    )
    strategy.versions.append(added)
    return added
