"""What the editor shows: a document on its way, as a form or as YAML, with all that is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal
from zoneinfo import available_timezones

from pydantic import ValidationError
from sqlalchemy.orm import Session

from backend.core.errors import InvalidInput
from backend.core.settings import settings
from backend.core.values import Timeframe
from backend.exchange import calendars
from backend.indicators import indicators
from backend.strategies import form, prompts, service, yaml_text
from backend.strategies.definition import StrategyDefinition, problems
from backend.strategies.fields import Field
from backend.strategies.models import Strategy
from backend.strategies.problems import Problem, rule_names
from backend.strategies.templates import templates
from backend.strategies.words import SOURCES
from backend.trading.rules import functions
from backend.workflow.settings import ChartSettings

View = Literal["form", "yaml"]

FAVOURITES = (
    *("sma", "ema", "bollinger", "supertrend", "vwap"),
    *("rsi", "macd", "stochastic", "adx", "atr", "obv"),
)
"""The indicators that are shown before the others."""


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A document on its way; `view` says whether its `fields` or its `yaml` count."""

    fields: Mapping[str, str]
    yaml: str
    view: View = "form"
    problems: Sequence[Problem] = ()

    @property
    def errors(self) -> dict[str, str]:
        """The sentences beside each field of the form."""
        said: dict[str, list[str]] = {}
        for problem in self.problems:
            name = "yaml" if self.view == "yaml" else form.field_of(problem.field)
            said.setdefault(name, []).append(self._told(problem))
        return {name: " ".join(sentences) for name, sentences in said.items()}

    def _told(self, problem: Problem) -> str:
        if self.view == "form" or problem.field == "yaml":
            return problem.message
        place = yaml_text.place(self.yaml, problem.field)
        where = f"Line {place[0]}, column {place[1]}: " if place else ""
        return f"{where}{problem.sentence}"


def of_definition(definition: StrategyDefinition, view: View = "form") -> Draft:
    fields = form.to_fields(definition)
    return Draft(fields=fields, yaml=yaml_text.write(form.to_document(fields)), view=view)


def of_fields(fields: Mapping[str, str], view: View = "form") -> Draft:
    """What was sent as a form; `view` is how it is to be shown, with the same content."""
    return Draft(fields=fields, yaml=yaml_text.write(form.to_document(fields)), view=view)


def of_yaml(text: str) -> Draft:
    """What was sent as YAML; the form stays empty until the text can be read."""
    text = text.replace("\r\n", "\n")
    return Draft(fields={}, yaml=text, view="yaml")


def as_form(draft: Draft) -> Draft:
    """
    The YAML as a form, or the YAML again with what keeps it from being one.

    A rule may still be wrong: the form shows that as well as the text does.
    """
    try:
        document = yaml_text.read(draft.yaml)
        return of_definition(StrategyDefinition.model_validate(document))
    except InvalidInput as error:
        return replace(draft, problems=[Problem(field="yaml", message=error.message)])
    except ValidationError:
        return replace(draft, problems=problems(document))


def document_of(draft: Draft) -> Any:
    """Raises `InvalidInput` with line and column for what is no YAML."""
    return form.to_document(draft.fields) if draft.view == "form" else yaml_text.read(draft.yaml)


def judged(session: Session, draft: Draft, strategy: Strategy | None) -> Draft:
    """The draft with everything that keeps it from being saved."""
    try:
        document = document_of(draft)
    except InvalidInput as error:
        return replace(draft, problems=[Problem(field="yaml", message=error.message)])
    return replace(draft, problems=service.problems(session, document, strategy))


@dataclass(frozen=True, kw_only=True)
class IndicatorChoice:
    """One line of the indicator picker."""

    name: str
    title: str
    description: str
    parameters: dict[str, float]
    outputs: list[str]
    is_overlay: bool
    is_favourite: bool


@cache
def indicator_choices() -> list[IndicatorChoice]:
    """Those that most people use first, then all others by name."""
    others = [name for name in indicators if name not in FAVOURITES]
    return [_choice(name) for name in [*FAVOURITES, *others]]


def _choice(name: str) -> IndicatorChoice:
    indicator = indicators.get(name)
    return IndicatorChoice(
        name=name,
        title=indicator.title,
        description=indicator.description,
        parameters=dict(indicator.parameters),
        outputs=[output if position else "" for position, output in enumerate(indicator.outputs)],
        is_overlay=indicator.is_overlay,
        is_favourite=name in FAVOURITES,
    )


def names_for_rules(fields: Mapping[str, str]) -> list[str]:
    """
    What a rule may speak of, as far as the charts can be read.

    Without the first timeframe's names with its own name behind them: they are there without it.
    """
    try:
        charts = [ChartSettings.model_validate(each) for each in form.to_document(fields)["charts"]]
        names = rule_names(charts) if charts else []
    except (ValidationError, InvalidInput):
        return []
    return [name for name in names if not name.endswith(f"@{charts[0].timeframe.value}")]


def groups() -> dict[str, list[Field]]:
    """The plain fields by the part of the document they belong to; what stands alone is not in."""
    found: dict[str, list[Field]] = {}
    for path, field in form.plain_fields().items():
        part, _, rest = path.partition(".")
        if rest:
            found.setdefault(part, []).append(field)
    return found


def choices(session: Session) -> dict[str, Any]:
    """Everything that can be chosen from."""
    return {
        "groups": groups(),
        "chart_rows": range(form.CHARTS),
        "timeframes": list(Timeframe),
        "stops": form.stops(),
        "sources": SOURCES,
        "prompts": [(prompt.name, prompt.kind) for prompt in prompts.list_all(session)],
        "models": list(settings().openai_prices),
        "default_model": settings().openai_model,
        "indicators": indicator_choices(),
        "catalogue": [vars(each) for each in indicator_choices()],
        "functions": [functions.get(name) for name in functions],
        "zones": _zones(),
        "exchanges": calendars.names(),
        "templates": templates(),
    }


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())
