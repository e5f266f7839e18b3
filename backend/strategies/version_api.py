"""REST for definitions on the move: checked, as files, copied, compared, brought back."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from backend.core.database import SessionDep
from backend.core.errors import InvalidInput
from backend.strategies import changes, service, yaml_text
from backend.strategies.api import Id, StrategyDetail, VersionOut, detail
from backend.strategies.version_pages import exported
from backend.web.security import Operator, Reader
from backend.web.state import ActorDep, ClockDep

router = APIRouter(prefix="/api")

Number = Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Empty: the newest.")]


class ProblemOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    field: str = Field(description="A dotted path of the document; empty for the whole.")
    code: str
    message: str


class Checked(BaseModel):
    """Nothing keeps a definition without problems from being saved."""

    problems: list[ProblemOut]


class ChangeOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    path: str
    before: Any
    after: Any


class Compared(BaseModel):
    a: int
    b: int
    changes: list[ChangeOut]


async def _text(request: Request) -> str:
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError:
        raise InvalidInput("The file is not UTF-8. Save it as UTF-8 text.", field="yaml") from None


_YAML_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/yaml": {"schema": {"type": "string"}}},
    }
}


@router.post("/strategies/check")
def check_definition(
    session: SessionDep,
    _key: Reader,
    definition: Annotated[Any, Body(description="A definition, right or wrong.")],
) -> Checked:
    """Everything that keeps a definition from being saved as a new strategy, all at once."""
    found = service.problems(session, definition)
    return Checked(problems=[ProblemOut.model_validate(each) for each in found])


@router.post("/strategies/import", status_code=201, openapi_extra=_YAML_BODY)
def import_strategy(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    text: Annotated[str, Depends(_text)],
) -> StrategyDetail:
    """Save a definition from a YAML file, switched off; under its name, which must be free."""
    document = yaml_text.read(text)
    return detail(service.create(session, clock, document=document, author=actor))


@router.get("/strategies/{strategy_id}/export", response_class=Response)
def export_strategy(
    session: SessionDep, _key: Reader, strategy_id: Id, version: Number = None
) -> Response:
    """A version as a YAML file."""
    return exported(session, strategy_id, version)


@router.post("/strategies/{strategy_id}/duplicate", status_code=201)
def duplicate_strategy(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, strategy_id: Id
) -> StrategyDetail:
    """A new strategy of the same words, switched off, under the next free name."""
    strategy = service.get(session, strategy_id)
    return detail(service.duplicate(session, clock, strategy, author=actor))


@router.get("/strategies/{strategy_id}/diff")
def compare_versions(
    session: SessionDep, _key: Reader, strategy_id: Id, a: Number = None, b: Number = None
) -> Compared:
    """What differs from version `a` to version `b`; without them, between the last two."""
    strategy = service.get(session, strategy_id)
    newer = service.version(strategy, b or strategy.version_number)
    older = service.version(strategy, a or max(newer.number - 1, 1))
    found = changes.changed_fields(older.definition, newer.definition)
    return Compared(
        a=older.number, b=newer.number, changes=[ChangeOut.model_validate(each) for each in found]
    )


@router.post("/strategies/{strategy_id}/versions/{number}/restore")
def restore_version(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    strategy_id: Id,
    number: Id,
) -> VersionOut:
    """Save an earlier version once more, as the newest."""
    strategy = service.get(session, strategy_id)
    added = service.restore(session, clock, strategy, number=number, author=actor)
    return VersionOut.model_validate(added)
