"""REST for replays, and for two executions side by side."""

from decimal import Decimal
from typing import Annotated, Any, Self

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator

from backend.core.database import SessionDep
from backend.executions import service
from backend.executions.api import ExecutionOut, Id, Out
from backend.executions.models import RecordStatus
from backend.executions.replays import comparing
from backend.executions.replays import service as replay
from backend.executions.replays.changes import Wanted
from backend.executions.replays.comparison import Comparison, State
from backend.web.security import Operator, Reader
from backend.web.state import ActorDep, ClockDep
from backend.workflow.outcome import Outcome

router = APIRouter(prefix="/api")

AnyId = Annotated[int, Query(ge=1, le=2**63 - 1)]


class ReplayRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    from_step: str | None = Field(
        None, max_length=64, description="Null: the first step that the changes touch."
    )
    settings: dict[str, Any] = Field(
        {},
        max_length=100,
        description="Values by dotted path, such as `signal.long_when`; `prompts.chart` is the"
        " number of a prompt's version.",
        examples=[{"prompts.chart": 2, "signal.min_confidence": 0.7}],
    )
    prompt_texts: dict[str, str] = Field(
        {},
        max_length=10,
        description="New texts by kind of prompt; each is saved as a version that runs nowhere"
        " else.",
    )

    @model_validator(mode="after")
    def _can_be_stored(self) -> Self:
        try:
            orjson.dumps(self.model_dump())
        except orjson.JSONEncodeError:
            # Half of a surrogate pair, or a number beyond 64 bits.
            raise ValueError("A text or a number in it cannot be stored") from None
        return self


class ReplayOut(ExecutionOut):
    replay_of: int
    replay_from: str
    changes: dict[str, Any]


class FactOut(Out):
    path: str
    first: Any
    second: Any
    difference: Decimal | None
    ratio: float | None
    is_incidental: bool


class ArtifactOut(Out):
    name: str
    content_type: str
    first: str | None
    second: str | None
    is_same: bool


class TalkOut(Out):
    analyst: str
    model: str
    prompt: str
    cost_usd: Decimal
    is_recorded: bool
    system_text: str
    prompt_text: str
    answer_text: str
    lost: str


class TalkPairOut(Out):
    title: str
    is_same: bool
    first: TalkOut | None
    second: TalkOut | None


class StepEndOut(Out):
    status: RecordStatus
    outcome: Outcome | None
    reason_code: str | None
    reason: str | None
    seconds: float
    tokens: int
    cost_usd: Decimal


class StepComparisonOut(Out):
    step: str
    number: int
    state: State
    first: StepEndOut | None
    second: StepEndOut | None
    facts: list[FactOut]
    artifacts: list[ArtifactOut]
    talks: list[TalkPairOut]


class ComparisonOut(Out):
    first: ExecutionOut
    second: ExecutionOut
    sentence: str
    is_finished: bool
    parts_at: str | None = Field(description="The first step where they part; null: nowhere.")
    asked: list[FactOut] = Field(description="What they were to do differently.")
    decided: list[FactOut] = Field(description="Signal, prices, quantity and end of both.")
    steps: list[StepComparisonOut]


def comparison_out(found: Comparison) -> ComparisonOut:
    return ComparisonOut(
        first=ExecutionOut.model_validate(found.first.execution),
        second=ExecutionOut.model_validate(found.second.execution),
        sentence=found.sentence,
        is_finished=found.is_finished,
        parts_at=found.parts_at,
        asked=[FactOut.model_validate(each) for each in found.asked],
        decided=[FactOut.model_validate(each) for each in found.decided],
        steps=[StepComparisonOut.model_validate(each) for each in found.steps],
    )


@router.get("/executions/compare")
def compare_executions(
    session: SessionDep, _key: Reader, request: Request, a: AnyId, b: AnyId
) -> ComparisonOut:
    """Two executions step by step: facts, prompts, answers, signal."""
    return comparison_out(comparing.compared(session, request.app.state.storage, a, b))


@router.post("/executions/{execution_id}/replays", status_code=202)
def start_replay(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    execution_id: Id,
    wanted: ReplayRequest | None = None,
) -> ReplayOut:
    """
    Run an execution again on its record, unchanged or with changes. Orders are never sent.

    The replay is an execution of its own: follow it, then compare the two.
    """
    asked = wanted or ReplayRequest()
    made = replay.start(
        session,
        clock,
        execution_id,
        Wanted(settings=asked.settings, prompt_texts=asked.prompt_texts),
        from_step=asked.from_step,
        requested_by=actor,
    )
    return ReplayOut.model_validate(made)


@router.get("/executions/{execution_id}/replays")
def list_replays(session: SessionDep, _key: Reader, execution_id: Id) -> list[ReplayOut]:
    """The replays that were run on this execution's own record, newest first."""
    service.get(session, execution_id)
    made = replay.replays_of(session, execution_id)
    return [ReplayOut.model_validate(each) for each in made]
