"""What the page of a replay shows and understands: fields filled with what ran."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.analysis.cost import priced
from backend.core.settings import settings
from backend.executions.models import Status
from backend.executions.replays.changes import Wanted
from backend.executions.replays.prompt_choice import PREFIX
from backend.executions.replays.sources import Source
from backend.indicators.base import read_spelling, spell
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Prompt, PromptVersion
from backend.workflow.plan import live_plan
from backend.workflow.steps.base import Touches

TEXT = "text."
"""Before a prompt's kind: the field of its text."""
MORE = "more"
_PLAIN = ("analysis.model", "signal.long_when", "signal.short_when", "signal.min_confidence")


@dataclass(frozen=True, kw_only=True)
class PromptField:
    """One prompt that a person may edit, and the versions that there are."""

    kind: str
    name: str
    versions: list[PromptVersion]
    ran: PromptVersion
    """The version that the source asked with."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """
    What asking everything again would cost, by what the source's questions took: tokens in and
    out of `questions` questions, `then` in dollars, and the same for every priced model.
    """

    questions: int
    then: Decimal
    by_model: dict[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class ReplayForm:
    source: Source
    prompts: list[PromptField]
    shown: Mapping[str, str]
    """Every field as it is before anybody typed."""
    values: Mapping[str, str]
    errors: Mapping[str, str] = field(default_factory=dict)

    def is_changed(self, name: str) -> bool:
        return name in self.shown and self.values[name].strip() != self.shown[name].strip()

    @property
    def steps(self) -> list[str]:
        """Where a replay can begin."""
        possible = []
        for step in live_plan().steps:
            is_on_record = step.touches is not Touches.OUTSIDE or step.name in self.source.records
            if step.touches is not Touches.ORDERS and is_on_record:
                possible.append(step.name)
            if not self.source.is_done(step.name):
                break
        return possible

    @property
    def why_not(self) -> str:
        """Why nothing can be replayed now; empty where it can."""
        if self.source.execution.status in (Status.QUEUED, Status.RUNNING):
            return "It is still under way."
        return "" if self.steps else "Nothing of it is on record."

    @property
    def charts(self) -> list[tuple[str, str]]:
        """(Field, timeframe) of every chart."""
        charts = self.source.definition.charts
        return [(f"charts.{row}.indicators", chart.timeframe) for row, chart in enumerate(charts)]

    @property
    def needs_view(self) -> bool:
        return self.source.definition.signal.needs_view

    @property
    def is_rule_based(self) -> bool:
        """Whether the analyst of the source read numbers alone, and no prompt."""
        return any(each["is_rule_based"] for each in self.source.conversations)

    @property
    def models(self) -> list[str]:
        return list(settings().openai_prices)

    @property
    def has_key(self) -> bool:
        return bool(settings().openai_api_key.get_secret_value())

    @property
    def estimate(self) -> Estimate:
        asked = self.source.conversations
        sums = [sum(each[name] for each in asked) for name in ("input_tokens", "output_tokens")]
        return Estimate(
            questions=len(asked),
            then=sum((Decimal(each["cost_usd"]) for each in asked), Decimal(0)),
            by_model={
                model: priced(sums[0], sums[1], price)
                for model, price in settings().openai_prices.items()
                if any(sums)
            },
        )


def form_for(
    session: Session,
    source: Source,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> ReplayForm:
    """The form as the source ran, or with what was typed."""
    prompts = _prompts(session, source)
    shown = {**_settings(source.definition), "from_step": "", MORE: ""}
    for prompt in prompts:
        shown[f"{PREFIX}{prompt.kind}"] = str(prompt.ran.number)
        shown[f"{TEXT}{prompt.kind}"] = prompt.ran.template
    return ReplayForm(
        source=source,
        prompts=prompts,
        shown=shown,
        values={**shown, **(typed or {})},
        errors=errors or {},
    )


def wanted(form: ReplayForm) -> Wanted:
    """
    What a person changed against what was shown.

    Raises `InvalidInput` for a setting that is not there.
    """
    changed = {name: text for name, text in form.values.items() if form.is_changed(name)}
    texts = {
        name.removeprefix(TEXT): text for name, text in changed.items() if name.startswith(TEXT)
    }
    named = {
        name: text for name, text in changed.items() if name not in ("from_step", MORE)
    } | _more(form.values.get(MORE, ""))
    values = form.source.settings(
        {name: text for name, text in named.items() if not name.startswith(TEXT)}
    )
    for path in values:
        if path.endswith(".indicators") and isinstance(values[path], list):
            values[path] = [
                read_spelling(each) if isinstance(each, str) else each for each in values[path]
            ]
    return Wanted(settings=values, prompt_texts=texts)


def _more(lines: str) -> dict[str, str]:
    """`path = value`, one a line."""
    pairs = (line.partition("=") for line in lines.splitlines() if line.strip())
    return {path.strip(): value.strip() for path, _, value in pairs}


def _settings(definition: StrategyDefinition) -> dict[str, str]:
    document: Any = definition.model_dump(mode="json")
    fields = {}
    for path in _PLAIN:
        part, name = path.split(".")
        fields[path] = str(document[part][name])
    for row, chart in enumerate(definition.charts):
        fields[f"charts.{row}.indicators"] = ", ".join(map(spell, chart.indicators))
    return fields


def _prompts(session: Session, source: Source) -> list[PromptField]:
    """The prompts that were asked with; none where the rules alone decide."""
    definition = source.definition
    if not definition.signal.needs_view:
        return []
    kinds = ("chart", "view", "system") if len(definition.charts) > 1 else ("chart", "system")
    names = definition.analysis.prompts.model_dump()
    found = []
    for kind in kinds:
        ran = session.get(PromptVersion, source.execution.prompt_versions.get(kind))
        if ran is not None:
            versions = select(PromptVersion).join(Prompt).where(Prompt.name == names[kind])
            found.append(
                PromptField(
                    kind=kind,
                    name=names[kind],
                    versions=list(session.scalars(versions.order_by(PromptVersion.number.desc()))),
                    ran=ran,
                )
            )
    return found
