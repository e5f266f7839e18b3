"""
Prompts as versioned rows: every save is a new version, an execution keeps the one it used.

Labels say what runs: `production` does, `trial` for strategies that ask for it. A new version
waits until a label is moved to it, and moving the label back is the roll-back.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import delete, select, text
from sqlalchemy.orm import Session, selectinload

from backend.analysis import prompts as templates
from backend.analysis.prompt_variables import PromptKind
from backend.core.clock import Clock
from backend.core.errors import Conflict, NotFound, did_you_mean
from backend.strategies.models import Prompt, PromptLabelRow, PromptVersion
from backend.strategies.problems import Problem
from backend.web import audit
from backend.workflow.settings import PromptLabel

PRODUCTION: PromptLabel = "production"

InForce = Mapping[tuple[str, str], int]
"""(Prompt name, label) -> id of the version that the label stands at."""

Change = tuple[dict[str, Any], dict[str, Any]]
"""What was there before, and what is there after."""


def list_all(session: Session) -> list[Prompt]:
    return list(
        session.scalars(
            select(Prompt)
            .options(
                selectinload(Prompt.versions),
                selectinload(Prompt.labels).selectinload(PromptLabelRow.version),
            )
            .order_by(Prompt.name)
            # A label moved in this very transaction is read anew.
            .execution_options(populate_existing=True)
        )
    )


def get(session: Session, name: str) -> Prompt:
    """Raises `NotFound`, with the nearest name."""
    prompts = {prompt.name: prompt for prompt in list_all(session)}
    if name not in prompts:
        raise NotFound(f"No prompt is named {name!r}.{did_you_mean(name, prompts)}")
    return prompts[name]


def create(
    session: Session, clock: Clock, *, name: str, kind: PromptKind, template: str, author: str
) -> Prompt:
    """
    The first version runs at once: it is `production`.

    Raises `InvalidInput` for a template that cannot render, `Conflict` for a name in use.
    """
    prompt = _made(session, clock, name, kind, template, author)
    _note(session, clock, author, "prompt.created", f"prompt {name}", None, {"version": 1})
    return prompt


def _made(
    session: Session, clock: Clock, name: str, kind: PromptKind, template: str, author: str
) -> Prompt:
    templates.validate(template, kind)
    if session.scalar(select(Prompt.id).where(Prompt.name == name)):
        raise Conflict(f"A prompt is already named {name!r}. Save a new version of it instead.")
    now = clock.now()
    first = PromptVersion(number=1, template=template, created_at=now, created_by=author)
    prompt = Prompt(name=name, kind=kind, created_at=now, versions=[first])
    session.add(prompt)
    session.flush()
    _place(session, clock, prompt.id, PRODUCTION, first.id, author)
    return get(session, name)


def save(session: Session, clock: Clock, *, name: str, template: str, author: str) -> PromptVersion:
    """
    Add a version, which runs once a label is moved to it; the same text as the newest adds none.
    """
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
    before, after = {"version": newest.number}, {"version": version.number}
    _note(session, clock, author, "prompt.saved", f"prompt {name}", before, after)
    return version


def add_defaults(session: Session, clock: Clock) -> None:
    """The prompts that come with Glassbox, where they are missing; safe to call by many at once."""
    session.execute(text("SELECT pg_advisory_xact_lock(5041929)"))
    known = set(session.scalars(select(Prompt.name)))
    for kind, template in templates.defaults().items():
        if kind not in known:
            _made(session, clock, kind, kind, template, "glassbox")


def version(prompt: Prompt, number: int) -> PromptVersion:
    for each in prompt.versions:
        if each.number == number:
            return each
    raise NotFound(
        f"The prompt {prompt.name!r} has no version {number}; the newest is"
        f" {prompt.versions[-1].number}."
    )


def labels(prompt: Prompt) -> dict[str, int]:
    """Label -> number of the version that it stands at."""
    return {each.label: each.version.number for each in prompt.labels}


def move_label(
    session: Session, clock: Clock, *, name: str, label: PromptLabel, number: int, actor: str
) -> None:
    """From the next execution on, the label means this version; also the way back."""
    # The row is locked first, so that two who move the label at once are noted one by one.
    session.execute(select(Prompt.id).where(Prompt.name == name).with_for_update())
    prompt = get(session, name)
    before = labels(prompt).get(label)
    if before == number:
        return
    _place(session, clock, prompt.id, label, version(prompt, number).id, actor)
    before_after: Change = {label: before}, {label: number}
    _note(session, clock, actor, "prompt.label_moved", f"prompt {name}", *before_after)


def take_label_off(session: Session, clock: Clock, *, name: str, label: str, actor: str) -> None:
    """Strategies on trial go back to production. Raises `Conflict` for `production` itself."""
    if label == PRODUCTION:
        raise Conflict("A prompt always has a version in production. Move the label instead.")
    prompt = get(session, name)
    before = labels(prompt).get(label)
    if before is None:
        return
    session.execute(
        delete(PromptLabelRow).where(
            PromptLabelRow.prompt_id == prompt.id, PromptLabelRow.label == label
        )
    )
    before_after: Change = {label: before}, {label: None}
    _note(session, clock, actor, "prompt.label_moved", f"prompt {name}", *before_after)


def in_force(session: Session) -> InForce:
    rows = session.execute(
        select(Prompt.name, PromptLabelRow.label, PromptLabelRow.version_id).join(
            Prompt, Prompt.id == PromptLabelRow.prompt_id
        )
    )
    return {(name, label): version_id for name, label, version_id in rows}


def pick(document: dict[str, Any], versions: InForce) -> dict[str, Any]:
    """Kind -> version id, for the prompts and the label that a definition names."""
    analysis = document["analysis"]
    # Definitions from before there were labels do not name one.
    label = analysis.get("prompt_label", PRODUCTION)
    return {
        kind: versions.get((name, label), versions.get((name, PRODUCTION)))
        for kind, name in analysis["prompts"].items()
    }


def texts(session: Session, document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Kind -> name, version and template of the prompts that a definition would use now."""
    found = {}
    for kind, version_id in pick(document, in_force(session)).items():
        each = session.get_one(PromptVersion, version_id)
        name = document["analysis"]["prompts"][kind]
        found[kind] = {"name": name, "version": each.number, "template": each.template}
    return found


def problems(session: Session, names: dict[Any, Any]) -> list[Problem]:
    """What is wrong with the prompts that a definition names: there are none, or of other kinds."""
    kinds = {name: kind for name, kind in session.execute(select(Prompt.name, Prompt.kind))}
    found = []
    for kind, name in names.items():
        field = f"analysis.prompts.{kind}"
        if isinstance(name, str) and name not in kinds:
            hint = did_you_mean(name, kinds)
            found.append(Problem(field=field, message=f"No prompt is named {name!r}.{hint}"))
        elif isinstance(name, str) and kinds[name] != kind:
            message = f"The prompt {name!r} is of kind {kinds[name]!r}."
            found.append(Problem(field=field, message=message))
    return found


def _place(
    session: Session, clock: Clock, prompt_id: int, label: PromptLabel, version_id: int, actor: str
) -> None:
    session.merge(
        PromptLabelRow(
            prompt_id=prompt_id,
            label=label,
            version_id=version_id,
            moved_at=clock.now(),
            moved_by=actor,
        )
    )
    session.flush()


def _note(
    session: Session,
    clock: Clock,
    actor: str,
    action: str,
    subject: str,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    audit.record(
        session, clock, actor=actor, action=action, subject=subject, before=before, after=after
    )
