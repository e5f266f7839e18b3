"""Runs steps in order. Knows no database: it yields what happened, and the caller keeps it."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import ValidationError
from structlog.contextvars import bound_contextvars

from backend.core.clock import Clock
from backend.core.errors import AppError, InvalidInput, SessionDown, TemporaryError
from backend.workflow.outcome import Ends, NotNeeded, Outcome, Waits, Withheld
from backend.workflow.steps.base import Facts, Notes, Step, StepData, Tools


class StepStatus(StrEnum):
    FINISHED = "finished"
    ENDED = "ended"
    SKIPPED = "skipped"
    PARKED = "parked"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """
    What one step did. `outcome` is set by the one that ended the execution, `waits_until` by one
    that is parked until somebody has answered; `bug` holds an exception that nobody foresaw, for
    the caller to raise again once the result is kept.
    """

    step: str
    status: StepStatus
    code: str | None
    sentence: str | None
    input: dict[str, Any]
    output: dict[str, Any] | None
    notes: Notes
    started_at: datetime
    seconds: float
    outcome: Outcome | None = None
    waits_until: datetime | None = None
    bug: Exception | None = None


def check(steps: Iterable[Step], facts: Iterable[str]) -> None:
    """Refuse, with `InvalidInput`, a plan in which a step lacks a fact or finds one again."""
    known = set(facts)
    for step in steps:
        if missing := step.needs - known:
            raise InvalidInput(
                f"Step {step.name!r} needs {sorted(missing)}, which nothing before it finds."
            )
        if again := step.finds & known:
            raise InvalidInput(f"Step {step.name!r} finds {sorted(again)} a second time.")
        known |= step.finds


def run(
    steps: Iterable[Step], facts: Facts, tools: Tools, *, clock: Clock | None = None
) -> Iterator[StepResult]:
    """
    Give each step the facts it asks for, add what it finds, stop at the one that ends it.

    `clock` times the steps where the one among the tools, which steps see, stands in the past.
    """
    clock = clock or tools.clock
    known = dict(facts)
    for step in steps:
        with bound_contextvars(step=step.name):
            result = _run_one(step, known, tools, clock)
        yield result
        if result.outcome is not None or result.status is StepStatus.PARKED:
            return
        known |= result.output or {}


def skipped(step_name: str, ending: StepResult) -> StepResult:
    """The result of a step that does not run because `ending` came before it."""
    return StepResult(
        step=step_name,
        status=StepStatus.SKIPPED,
        code=ending.code,
        sentence=f"Step {ending.step} ended the execution: {ending.sentence}",
        input={},
        output=None,
        notes=Notes(),
        started_at=ending.started_at,
        seconds=0.0,
    )


def _run_one(step: Step, facts: dict[str, Any], tools: Tools, clock: Clock) -> StepResult:
    notes = Notes()
    started_at, start = clock.now(), time.perf_counter()
    asked: dict[str, Any] = {}
    ending: dict[str, Any] = {}
    found: StepData | Any = None
    try:
        step_input = _ask(step, facts)
        asked = step_input.model_dump(mode="json")
        found = step.run(step_input, replace(tools, notes=notes))
    except NotNeeded as reason:
        found = reason.found
        ending = _ending(StepStatus.SKIPPED, reason.code, reason.sentence)
    except Ends as reason:
        found = reason.found
        ending = _ending(_status(reason), reason.code, reason.sentence, reason.outcome)
    except Waits as reason:
        found = reason.found
        ending = _ending(StepStatus.PARKED, reason.code, reason.sentence)
        ending["waits_until"] = reason.until
    except (SessionDown, TemporaryError) as error:
        ending = _ending(StepStatus.PARKED, error.code, error.message)
    except AppError as error:
        ending = _ending(StepStatus.FAILED, error.code, error.message, Outcome.FAILED)
    except Exception as bug:
        sentence = f"Something went wrong in our own code: {type(bug).__name__}. The log has it."
        ending = _ending(StepStatus.FAILED, "bug", sentence, Outcome.FAILED) | {"bug": bug}
    return StepResult(
        step=step.name,
        **{"status": StepStatus.FINISHED, "code": None, "sentence": None, **ending},
        input=asked,
        output=None if found is None else found.model_dump(mode="json"),
        notes=notes,
        started_at=started_at,
        seconds=time.perf_counter() - start,
    )


def _status(reason: Ends) -> StepStatus:
    if isinstance(reason, Withheld):
        return StepStatus.SKIPPED
    return StepStatus.FAILED if reason.outcome is Outcome.FAILED else StepStatus.ENDED


def _ask(step: Step, facts: dict[str, Any]) -> StepData:
    try:
        return step.input.model_validate(facts)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"Step {step.name!r} cannot use the fact {where!r}: {first['msg']}.", field=where
        ) from None


def _ending(
    status: StepStatus, code: str, sentence: str, outcome: Outcome | None = None
) -> dict[str, Any]:
    return {"status": status, "code": code, "sentence": sentence, "outcome": outcome}
