"""Prompts as versioned rows: every save is a new version, an execution keeps the one it used."""

from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session, selectinload

from backend.analysis import prompts as templates
from backend.analysis.prompt_variables import PromptKind
from backend.core.clock import Clock
from backend.core.errors import Conflict, InvalidInput, NotFound, did_you_mean
from backend.strategies.models import Prompt, PromptVersion


def list_all(session: Session) -> list[Prompt]:
    query = select(Prompt).options(selectinload(Prompt.versions)).order_by(Prompt.name)
    return list(session.scalars(query))


def get(session: Session, name: str) -> Prompt:
    """Raises `NotFound`, with the nearest name."""
    prompts = {prompt.name: prompt for prompt in list_all(session)}
    if name not in prompts:
        raise NotFound(f"No prompt is named {name!r}.{did_you_mean(name, prompts)}")
    return prompts[name]


def create(
    session: Session, clock: Clock, *, name: str, kind: PromptKind, template: str, author: str
) -> Prompt:
    """Raises `InvalidInput` for a template that cannot render, `Conflict` for a name in use."""
    templates.validate(template, kind)
    if session.scalar(select(Prompt.id).where(Prompt.name == name)):
        raise Conflict(f"A prompt is already named {name!r}. Save a new version of it instead.")
    now = clock.now()
    first = PromptVersion(number=1, template=template, created_at=now, created_by=author)
    prompt = Prompt(name=name, kind=kind, created_at=now, versions=[first])
    session.add(prompt)
    session.flush()
    return prompt


def save(session: Session, clock: Clock, *, name: str, template: str, author: str) -> PromptVersion:
    """Add a version; the same text as the newest adds none."""
    prompt = get(session, name)
    templates.validate(template, prompt.kind)
    newest = prompt.versions[-1]
    if newest.template == template:
        return newest
    version = PromptVersion(
        prompt_id=prompt.id,
        number=newest.number + 1,
        template=template,
        created_at=clock.now(),
        created_by=author,
    )
    session.add(version)
    session.flush()
    return version


def add_defaults(session: Session, clock: Clock) -> None:
    """The prompts that come with Glassbox, where they are missing; safe to call by many at once."""
    session.execute(text("SELECT pg_advisory_xact_lock(5041929)"))
    known = set(session.scalars(select(Prompt.name)))
    for kind, template in templates.defaults().items():
        if kind not in known:
            create(session, clock, name=kind, kind=kind, template=template, author="glassbox")


def newest_versions(session: Session) -> dict[str, int]:
    """Prompt name -> id of its newest version."""
    rows = session.execute(
        select(Prompt.name, func.max(PromptVersion.id))
        .join(PromptVersion, PromptVersion.prompt_id == Prompt.id)
        .group_by(Prompt.name)
    )
    return {name: version_id for name, version_id in rows}


def pick(document: dict[str, Any], newest: dict[str, int]) -> dict[str, Any]:
    """Kind -> version id, for the prompts that a definition names."""
    return {kind: newest.get(name) for kind, name in document["analysis"]["prompts"].items()}


def check_names(session: Session, names: dict[str, str]) -> None:
    """Raises `InvalidInput` for a prompt that does not exist or is of another kind."""
    kinds = {name: kind for name, kind in session.execute(select(Prompt.name, Prompt.kind))}
    for kind, name in names.items():
        field = f"analysis.prompts.{kind}"
        if name not in kinds:
            hint = did_you_mean(name, kinds)
            raise InvalidInput(f"{field}: no prompt is named {name!r}.{hint}", field=field)
        if kinds[name] != kind:
            raise InvalidInput(
                f"{field}: the prompt {name!r} is of kind {kinds[name]!r}.", field=field
            )
