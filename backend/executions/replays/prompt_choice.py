"""Which prompts a replay asks with: those of its source, other versions, or new texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.analysis.prompt_variables import PromptKind
from backend.core.clock import Clock
from backend.core.errors import InvalidInput, UnknownName, did_you_mean
from backend.executions.replays.changes import Change
from backend.executions.replays.sources import Source
from backend.strategies import prompts
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Prompt, PromptVersion
from backend.strategies.problems import refusal

PREFIX = "prompts."


@dataclass(frozen=True, kw_only=True)
class Choice:
    versions: dict[str, Any]
    """Kind -> id of the version, as an execution keeps it."""
    changes: tuple[Change, ...]


def apart(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """(Prompt kind -> version number, the settings of the definition)."""
    numbers = {
        path.removeprefix(PREFIX): value
        for path, value in settings.items()
        if path.startswith(PREFIX)
    }
    others = {path: value for path, value in settings.items() if not path.startswith(PREFIX)}
    return numbers, others


def choose(
    session: Session,
    clock: Clock,
    source: Source,
    definition: StrategyDefinition,
    numbers: Mapping[str, Any],
    texts: Mapping[str, str],
    author: str,
) -> Choice:
    """
    The versions to ask with. A new text is saved as a version of its prompt, which no label stands
    at, so that it runs nowhere else.

    Raises `InvalidInput` for a kind, a number or a text that cannot be, with the field.
    """
    _require_kinds([*numbers, *texts])
    names = definition.analysis.prompts.model_dump()
    then = source.definition.analysis.prompts.model_dump()
    if found := prompts.problems(session, names):
        raise refusal(found)
    versions, changes = dict(source.execution.prompt_versions), []
    for kind, name in names.items():
        before = session.get(PromptVersion, versions.get(kind))
        after = before if name == then[kind] else _in_force(session, definition, kind)
        if kind in numbers:
            after = _numbered(session, name, kind, numbers[kind])
        if kind in texts:
            after = _with_text(session, clock, name, kind, texts[kind], after, author)
        if after is not None and after is not before:
            _require_asked(kind, definition)
            versions[kind] = after.id
            number = before and before.number
            changes.append(Change(path=f"{PREFIX}{kind}", before=number, after=after.number))
    return Choice(versions=versions, changes=tuple(changes))


def _require_kinds(kinds: list[str]) -> None:
    known = get_args(PromptKind)
    for kind in kinds:
        if kind not in known:
            raise UnknownName(
                f"{PREFIX}{kind}: there is no such kind of prompt.{did_you_mean(kind, known)}"
                f" Kinds are {', '.join(known)}.",
                field=f"{PREFIX}{kind}",
            )


def _require_asked(kind: str, definition: StrategyDefinition) -> None:
    """Raises `InvalidInput` where another text could change nothing, because nobody is asked."""
    why = None
    if not definition.signal.needs_view:
        why = "the strategy decides by its rules alone; change signal.source too"
    elif kind == "view" and len(definition.charts) == 1:
        why = "with one timeframe its opinion is the view; change the chart prompt instead"
    if why:
        field = f"{PREFIX}{kind}"
        raise InvalidInput(f"{field}: nobody is asked with this prompt, since {why}.", field=field)


def _in_force(session: Session, definition: StrategyDefinition, kind: str) -> PromptVersion | None:
    document = definition.model_dump(mode="json")
    picked = prompts.pick(document, prompts.in_force(session))[kind]
    return session.get(PromptVersion, picked)


def _numbered(session: Session, name: str, kind: str, number: Any) -> PromptVersion:
    field = f"{PREFIX}{kind}"
    versions = _versions(session, name)
    for version in versions:
        if str(version.number) == str(number).strip():
            return version
    raise InvalidInput(
        f"{field}: the prompt {name!r} has no version {number!r}; it has"
        f" {', '.join(str(version.number) for version in versions)}.",
        field=field,
    )


def _with_text(
    session: Session,
    clock: Clock,
    name: str,
    kind: str,
    text: str,
    chosen: PromptVersion | None,
    author: str,
) -> PromptVersion | None:
    """The version that has this text already, or a new one."""
    tidied = text.replace("\r\n", "\n").strip() + "\n"
    known = [chosen] if chosen else []
    for version in [*known, *_versions(session, name)]:
        if version.template.strip() + "\n" == tidied:
            return version
    try:
        return prompts.save(session, clock, name=name, template=tidied, author=author)
    except InvalidInput as error:
        field = f"{PREFIX}{kind}"
        raise InvalidInput(f"{field}: {error.message}", code=error.code, field=field) from None


def _versions(session: Session, name: str) -> list[PromptVersion]:
    query = select(PromptVersion).join(Prompt).where(Prompt.name == name)
    return list(session.scalars(query.order_by(PromptVersion.number)))
