"""Saving and finding strategies; every save of a changed definition is a new version."""

import itertools
import re
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from backend.core.clock import Clock
from backend.core.errors import Conflict, NotFound, did_you_mean
from backend.strategies import definition as definitions
from backend.strategies import prompts
from backend.strategies.changes import changed_fields
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Strategy, StrategyVersion
from backend.strategies.problems import Problem, refusal
from backend.strategies.schedule import next_due
from backend.web import audit

LONGEST_STEM = 90
"""Characters of a name before its number, so that the whole stays a valid name."""


class NewerVersion(Conflict):
    """Somebody saved a version after the one that a change was made on."""

    code = "newer_version"


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
    after = {"name": strategy.name, "version": 1, "is_enabled": is_enabled}
    _note(session, clock, author, "strategy.created", strategy, None, after)
    return strategy


def update(
    session: Session,
    clock: Clock,
    strategy: Strategy,
    *,
    document: Any,
    author: str,
    based_on: int | None = None,
) -> StrategyVersion:
    """
    Save a new version and run it from now on; an unchanged definition adds none.

    `based_on` is the number of the version that was changed: raises `NewerVersion` when it is not
    the newest any more. Without it the newest is replaced, whatever it is.
    """
    _refuse_newer(session, strategy, based_on)
    definition = _checked(session, document, strategy)
    # Not the stored texts: an older version may lack fields that have come since.
    if definition == StrategyDefinition.stored(newest(strategy).definition):
        return newest(strategy)
    strategy.name = definition.name
    strategy.next_due_at = next_due(definition.schedule, clock.now())
    strategy.updated_at = clock.now()
    before = newest(strategy)
    added = _add_version(strategy, definition, clock, author)
    session.flush()
    changes = changed_fields(before.definition, added.definition)
    _note(
        session,
        clock,
        author,
        "strategy.saved",
        strategy,
        {"version": before.number, **{each.path: each.before for each in changes}},
        {"version": added.number, **{each.path: each.after for each in changes}},
    )
    return added


def restore(
    session: Session, clock: Clock, strategy: Strategy, *, number: int, author: str
) -> StrategyVersion:
    """
    Save an earlier version once more, as the newest; the name stays what it is now.

    Raises `InvalidInput` where what was allowed then is not allowed any more.
    """
    document = {**version(strategy, number).definition, "name": strategy.name}
    return update(session, clock, strategy, document=document, author=author)


def duplicate(session: Session, clock: Clock, strategy: Strategy, *, author: str) -> Strategy:
    """A new strategy of the same words, switched off, under the next free name."""
    document = {**newest(strategy).definition, "name": free_name(session, strategy.name)}
    return create(session, clock, document=document, author=author)


def free_name(session: Session, name: str) -> str:
    """The name itself where no strategy has it, else `NAME 2`, `NAME 3`, ..."""
    stem = re.sub(r" \d+$", "", name)[:LONGEST_STEM]
    taken = set(
        session.scalars(
            select(Strategy.name).where(
                Strategy.archived_at.is_(None), Strategy.name.startswith(stem, autoescape=True)
            )
        )
    )
    candidates = (f"{stem} {number}" for number in itertools.count(2))
    return name if name not in taken else next(each for each in candidates if each not in taken)


def enable(
    session: Session, clock: Clock, strategy: Strategy, *, is_enabled: bool, actor: str
) -> None:
    """Switch the schedule on or off; due times that passed while it was off are not made up."""
    was_enabled, strategy.is_enabled = strategy.is_enabled, is_enabled
    strategy.updated_at = clock.now()
    definition = StrategyDefinition.stored(newest(strategy).definition)
    strategy.next_due_at = next_due(definition.schedule, clock.now())
    if was_enabled != is_enabled:
        note = {"is_enabled": was_enabled}, {"is_enabled": is_enabled}
        _note(session, clock, actor, "strategy.switched", strategy, *note)


def archive(session: Session, clock: Clock, strategy: Strategy, *, actor: str) -> None:
    """Take it out of use; what it did stays readable and its name is free again."""
    strategy.archived_at = clock.now()
    strategy.is_enabled = False
    strategy.next_due_at = None
    _note(session, clock, actor, "strategy.archived", strategy, {"name": strategy.name}, None)


def problems(session: Session, document: Any, strategy: Strategy | None = None) -> list[Problem]:
    """Everything that keeps a document from being saved, as `strategy` or as a new one."""
    found = definitions.problems(document)
    if not isinstance(document, dict):
        return found
    analysis = document.get("analysis")
    named = analysis.get("prompts") if isinstance(analysis, dict) else None
    if isinstance(named, dict):
        found += prompts.problems(session, named)
    name = document.get("name")
    is_sound = isinstance(name, str) and all(each.field != "name" for each in found)
    if is_sound and _is_taken(session, str(name), strategy):
        sentence = f"A strategy is already named {name!r}. Choose another name."
        found.append(Problem(field="name", message=sentence, code="name_in_use"))
    return found


def _checked(
    session: Session, document: Any, strategy: Strategy | None = None
) -> StrategyDefinition:
    found = problems(session, document, strategy)
    if [each.code for each in found] == ["name_in_use"]:
        raise Conflict(found[0].message, field="name")
    if found:
        raise refusal(found)
    return StrategyDefinition.stored(document)


def _is_taken(session: Session, name: str, strategy: Strategy | None) -> bool:
    taken = session.scalar(
        select(Strategy.id).where(Strategy.name == name, Strategy.archived_at.is_(None))
    )
    return taken is not None and (strategy is None or taken != strategy.id)


def _refuse_newer(session: Session, strategy: Strategy, based_on: int | None) -> None:
    """Holds the strategy's row until the end, so that of two who save at once one comes second."""
    number = session.scalar(
        select(Strategy.version_number).where(Strategy.id == strategy.id).with_for_update()
    )
    if based_on is not None and number != based_on:
        raise NewerVersion(
            f"Version {number} was saved while you worked on version {based_on}. Compare the two,"
            " then save yours on top of it or start from it.",
            field="based_on",
        )


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


def _note(
    session: Session,
    clock: Clock,
    actor: str,
    action: str,
    strategy: Strategy,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
) -> None:
    subject = f"strategy {strategy.id}"
    audit.record(
        session, clock, actor=actor, action=action, subject=subject, before=before, after=after
    )
