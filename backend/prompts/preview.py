"""A prompt as it would have been sent in a past execution, on the facts that were recorded then."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.analysis import prompts as templates
from backend.analysis.facts import ChartFacts
from backend.analysis.prompt_variables import (
    PromptKind,
    chart_variables,
    system_variables,
    view_variables,
)
from backend.core.errors import InvalidInput
from backend.decisions.models import Question
from backend.executions import lineage, service
from backend.executions.models import LineageRecord
from backend.workflow.steps import Tools, analyze_charts, form_view
from backend.workflow.steps.base import ArtifactRef

OFFERED = 20
_STEP = {"chart": "analyze_charts", "system": "analyze_charts", "view": "form_view"}


@dataclass(frozen=True, kw_only=True)
class Preview:
    """One question: what this template says, and what was said then."""

    title: str
    rendered: str
    sent: str
    sent_by: str
    """The name and version of the prompt that was used."""


@dataclass(frozen=True)
class Choice:
    execution_id: int
    symbol: str
    at: datetime


def choices(session: Session, kind: PromptKind) -> list[Choice]:
    """The newest executions that asked such a question."""
    asked = Question.name == "view" if kind == "view" else Question.name != "view"
    newest = (
        select(Question.execution_id, Question.recorded_at)
        .where(asked)
        .order_by(Question.recorded_at.desc())
        # Several timeframes are several questions of one execution.
        .limit(4 * OFFERED)
    )
    ids = list(dict.fromkeys(session.scalars(newest)))[:OFFERED]
    found = [service.get(session, execution_id) for execution_id in ids]
    return [Choice(each.id, each.symbol, each.due_at) for each in found]


def render(
    session: Session, tools: Tools, kind: PromptKind, template: str, execution_id: int
) -> list[Preview]:
    """
    Every question of this kind in the execution.

    Raises `NotFound` for an execution or an artifact that is not there, and `InvalidInput` for a
    template that does not render on these facts, or an execution that asked no such question.
    """
    execution = service.get(session, execution_id)
    records = lineage.read(session, execution)
    record = _record(records, _STEP[kind])
    previews = list(_previews(record, tools, kind, template)) if record else []
    if not previews:
        raise InvalidInput(
            f"Execution {execution_id} asked no question by a {kind} prompt; choose another one.",
            code="nothing_asked",
            field="execution",
        )
    return previews


def _record(records: list[LineageRecord], step: str) -> LineageRecord | None:
    found = [each for each in records if each.step == step and each.output]
    return found[-1] if found else None


def _previews(
    record: LineageRecord, tools: Tools, kind: PromptKind, template: str
) -> Iterator[Preview]:
    output = record.output or {}
    talks = list(output.get("conversations") or [])
    if output.get("view_conversation"):
        talks = [output["view_conversation"]]
    if kind == "system":
        # All questions of an execution go with the same one.
        talks = talks[:1]
    for talk in talks:
        said = tools.load_json(ArtifactRef.model_validate(talk["text"]))
        variables = _variables(record, tools, kind, talk, len(said["images"]))
        yield Preview(
            title=talk["timeframe"] or kind,
            rendered=templates.render(template, variables),
            sent=said["system"] if kind == "system" else said["prompt"],
            sent_by=_sent_by(record, kind, talk),
        )


def _variables(
    record: LineageRecord, tools: Tools, kind: PromptKind, talk: dict[str, Any], images: int
) -> dict[str, Any]:
    if kind == "system":
        return system_variables(is_simulated=record.input["is_simulated"])
    if kind == "view":
        asked = form_view.Input.model_validate(record.input)
        facts = form_view.facts_of(asked, tools)
        held = form_view.standing_of(asked, facts)
        return view_variables(facts, image_count=images, standing=held)
    ref = ArtifactRef.model_validate((record.output or {})["chart_facts"][talk["timeframe"]])
    chart = ChartFacts.model_validate(tools.load_json(ref))
    held = analyze_charts.standing_of(chart, analyze_charts.Input.model_validate(record.input))
    return chart_variables(chart, image_count=images, standing=held)


def _sent_by(record: LineageRecord, kind: PromptKind, talk: dict[str, Any]) -> str:
    if kind == "system":
        prompt = record.input["prompts"]["system"]
        return f"{prompt['name']} version {prompt['version']}"
    return f"{talk['prompt_name']} version {talk['prompt_version']}"
