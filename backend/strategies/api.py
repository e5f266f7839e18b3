"""REST for strategies, prompts and schedules."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from backend.analysis.prompt_variables import PromptKind
from backend.core.database import SessionDep
from backend.strategies import prompts, service
from backend.strategies.definition import checked_schedule
from backend.strategies.models import Prompt, Strategy
from backend.strategies.schedule import explain, upcoming
from backend.web.security import Operator, Reader
from backend.web.state import ActorDep, ClockDep
from backend.workflow.settings import PromptLabel

router = APIRouter(prefix="/api")

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
Definition = Annotated[dict[str, Any], Body(description="A strategy definition.")]


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class StrategyOut(Out):
    id: int
    name: str
    is_enabled: bool
    next_due_at: datetime | None
    version_number: int
    created_at: datetime
    updated_at: datetime


class StrategyDetail(StrategyOut):
    definition: dict[str, Any]


class VersionOut(Out):
    number: int
    definition: dict[str, Any]
    created_at: datetime
    created_by: str


class PromptVersionOut(Out):
    number: int
    template: str
    created_at: datetime
    created_by: str


class PromptOut(Out):
    name: str
    kind: str
    versions: list[PromptVersionOut]
    labels: dict[str, int]
    """Label -> number of the version that it stands at; `production` is what runs."""


class Switch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    is_enabled: bool = Field(strict=True)


class NewPrompt(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, max_length=100, pattern=r"^[a-z0-9][a-z0-9_-]*$")
    kind: PromptKind
    template: str = Field(min_length=1, max_length=50_000)


class NewTemplate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    template: str = Field(min_length=1, max_length=50_000)


class LabelMove(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = Field(ge=1, le=2**31 - 1, strict=True, description="The version's number.")


class SchedulePreview(BaseModel):
    explanation: str
    next_due: list[datetime]


@router.get("/strategies")
def list_strategies(session: SessionDep, _key: Reader) -> list[StrategyOut]:
    return [StrategyOut.model_validate(each) for each in service.list_all(session)]


@router.post("/strategies", status_code=201)
def create_strategy(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    definition: Definition,
    is_enabled: Annotated[bool, Query(description="Start the schedule at once.")] = False,
) -> StrategyDetail:
    strategy = service.create(
        session, clock, document=definition, author=actor, is_enabled=is_enabled
    )
    return detail(strategy)


@router.get("/strategies/{strategy_id}")
def get_strategy(session: SessionDep, _key: Reader, strategy_id: Id) -> StrategyDetail:
    return detail(service.get(session, strategy_id))


@router.put("/strategies/{strategy_id}")
def update_strategy(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    strategy_id: Id,
    definition: Definition,
    based_on: Annotated[
        int | None,
        Query(
            ge=1, le=2**31 - 1, description="The version that was changed: 409 if it is not newest."
        ),
    ] = None,
) -> StrategyDetail:
    """Save a new version; an unchanged definition adds none."""
    strategy = service.get(session, strategy_id)
    service.update(session, clock, strategy, document=definition, author=actor, based_on=based_on)
    return detail(strategy)


@router.delete("/strategies/{strategy_id}", status_code=204)
def archive_strategy(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, strategy_id: Id
) -> Response:
    """Take it out of use; its executions stay readable."""
    service.archive(session, clock, service.get(session, strategy_id), actor=actor)
    return Response(status_code=204)


@router.put("/strategies/{strategy_id}/enabled")
def enable_strategy(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    strategy_id: Id,
    switch: Switch,
) -> StrategyDetail:
    strategy = service.get(session, strategy_id)
    service.enable(session, clock, strategy, is_enabled=switch.is_enabled, actor=actor)
    return detail(strategy)


@router.get("/strategies/{strategy_id}/versions")
def list_versions(session: SessionDep, _key: Reader, strategy_id: Id) -> list[VersionOut]:
    strategy = service.get(session, strategy_id)
    return [VersionOut.model_validate(version) for version in strategy.versions]


@router.get("/strategies/{strategy_id}/versions/{number}")
def get_version(session: SessionDep, _key: Reader, strategy_id: Id, number: Id) -> VersionOut:
    strategy = service.get(session, strategy_id)
    return VersionOut.model_validate(service.version(strategy, number))


@router.post("/schedules/preview")
def preview_schedule(
    clock: ClockDep, _key: Reader, schedule: Annotated[dict[str, Any], Body()]
) -> SchedulePreview:
    """What a schedule means in plain words, and its next five due times."""
    parsed = checked_schedule(schedule)
    return SchedulePreview(explanation=explain(parsed), next_due=upcoming(parsed, clock.now()))


@router.get("/prompts")
def list_prompts(session: SessionDep, _key: Reader) -> list[PromptOut]:
    return [_prompt(prompt) for prompt in prompts.list_all(session)]


@router.post("/prompts", status_code=201)
def create_prompt(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, new: NewPrompt
) -> PromptOut:
    prompt = prompts.create(
        session, clock, name=new.name, kind=new.kind, template=new.template, author=actor
    )
    return _prompt(prompt)


@router.get("/prompts/{name}")
def get_prompt(session: SessionDep, _key: Reader, name: str) -> PromptOut:
    return _prompt(prompts.get(session, name))


@router.post("/prompts/{name}/versions", status_code=201)
def save_prompt(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    name: str,
    new: NewTemplate,
) -> PromptVersionOut:
    """Save a version; it runs once a label is moved to it."""
    version = prompts.save(session, clock, name=name, template=new.template, author=actor)
    return PromptVersionOut.model_validate(version)


@router.put("/prompts/{name}/labels/{label}")
def move_label(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    name: str,
    label: PromptLabel,
    move: LabelMove,
) -> PromptOut:
    """From the next execution on the label means this version; moving it back is the roll-back."""
    prompts.move_label(session, clock, name=name, label=label, number=move.version, actor=actor)
    return _prompt(prompts.get(session, name))


@router.delete("/prompts/{name}/labels/{label}", status_code=204)
def take_label_off(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    name: str,
    label: PromptLabel,
) -> Response:
    """Strategies on trial run production again; `production` itself cannot be taken off."""
    prompts.take_label_off(session, clock, name=name, label=label, actor=actor)
    return Response(status_code=204)


def _prompt(prompt: Prompt) -> PromptOut:
    return PromptOut(
        name=prompt.name,
        kind=prompt.kind,
        versions=[PromptVersionOut.model_validate(each) for each in prompt.versions],
        labels=prompts.labels(prompt),
    )


def detail(strategy: Strategy) -> StrategyDetail:
    out = StrategyOut.model_validate(strategy)
    return StrategyDetail(**out.model_dump(), definition=service.newest(strategy).definition)
