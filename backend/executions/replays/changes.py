"""What a replay does differently, which step sees it first, and how that is kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from backend.core.errors import InvalidInput
from backend.executions.replays.documents import MISSING, Difference, differences, put
from backend.indicators import warm_up
from backend.strategies.definition import StrategyDefinition
from backend.workflow.plan import STEP_NAMES
from backend.workflow.settings import ChartSettings

SEEN_FIRST_BY = {
    "charts": "compute_indicators",
    "charts.*.bars": "render_charts",
    "signal": "generate_signal",
    "signal.long_when": "compute_indicators",
    "signal.short_when": "compute_indicators",
    "signal.source": "analyze_charts",
    "analysis": "analyze_charts",
    "analysis.go_on_without_charts": "render_charts",
    "analysis.prompts.view": "form_view",
    "prompts": "analyze_charts",
    "prompts.view": "form_view",
    "data": "check_data",
    "risk": "size_and_check_risk",
    "orders": "size_and_check_risk",
    "exits": "size_and_check_risk",
}
"""Path of a definition -> the first step that does anything else because of it."""

FIXED = {
    "version": "it says how the document is written.",
    "name": "no step reads it.",
    "description": "no step reads it.",
    "symbols": "another symbol needs prices that were not recorded. Run the strategy for it.",
    "schedule": "a replay decides at the recorded moment. Change it in the strategy.",
    "account": "another account was not read at that moment. Change it in the strategy.",
    "mode": "a replay never sends orders, whatever the mode.",
    "analysis.prompt_label": "name the version of each prompt instead, such as prompts.chart=2.",
}
"""Path -> why no replay can change it."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One setting that a replay has otherwise than its source; None where there is nothing."""

    path: str
    before: Any
    after: Any

    @property
    def first_step(self) -> str:
        """Raises `InvalidInput` for what no replay can change, with the reason."""
        if reason := _for_path(FIXED, self.path):
            raise InvalidInput(f"{self.path} cannot be changed: {reason}", field=self.path)
        if step := _for_path(SEEN_FIRST_BY, self.path):
            return step
        raise InvalidInput(
            f"{self.path} cannot be changed in a replay. Change it in the strategy.",
            field=self.path,
        )


@dataclass(frozen=True, kw_only=True)
class Changes:
    """
    The document that a replay keeps. `asked` is what it changed against its source, `definition`
    the whole definition that it runs, None while that is the one of its version.
    """

    asked: tuple[Change, ...] = ()
    definition: dict[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "version": 1,
            "asked": [vars(change) for change in self.asked],
            "definition": self.definition,
        }

    @classmethod
    def from_json(cls, document: dict[str, Any] | None) -> Self:
        """What a replay keeps, or nothing for an execution that is none."""
        if document is None:
            return cls()
        asked = tuple(Change(**change) for change in document["asked"])
        return cls(asked=asked, definition=document["definition"])

    @property
    def first_step(self) -> str | None:
        """The first step that any of them touches; None where nothing is changed."""
        return min((each.first_step for each in self.asked), key=place_of, default=None)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """
    What a person wants changed. `settings` are values by dotted path, with `prompts.chart` for the
    number of a prompt's version; `prompt_texts` are new texts by the prompt's kind.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    prompt_texts: Mapping[str, str] = field(default_factory=dict)


def place_of(step: str) -> int:
    return STEP_NAMES.index(step)


def forked(
    definition: StrategyDefinition, settings: Mapping[str, Any]
) -> tuple[StrategyDefinition, list[Change]]:
    """
    The definition with other settings, checked like any other, and what that changes.

    Raises `InvalidInput` that names the field and the mend.
    """
    document = definition.model_dump(mode="json")
    for path, value in settings.items():
        put(document, path, value)
    checked = StrategyDefinition.checked(document)
    found = differences(definition.model_dump(mode="json"), checked.model_dump(mode="json"))
    return checked, [_change(each) for each in found]


def _change(each: Difference) -> Change:
    return Change(
        path=each.dotted,
        before=None if each.before is MISSING else each.before,
        after=None if each.after is MISSING else each.after,
    )


def require_recorded(
    before: StrategyDefinition, after: StrategyDefinition, snapshots: Mapping[str, Any]
) -> None:
    """
    Raises `InvalidInput` where the changed charts need bars that are not on record.

    `snapshots` are those that the source fetched, by timeframe.
    """
    asked = {chart.timeframe: _needs(chart) for chart in before.charts}
    for place, chart in enumerate(after.charts):
        if chart in before.charts:
            continue
        path = f"charts.{place}"
        if chart.timeframe not in snapshots:
            raise InvalidInput(
                f"{path}.timeframe: no {chart.timeframe} bars were recorded, only"
                f" {', '.join(snapshots)}. Choose one of these, or run the changed strategy.",
                field=f"{path}.timeframe",
            )
        count = int(snapshots[chart.timeframe]["count"])
        # Where the broker had fewer than were asked for, it would have no more today.
        if count >= asked.get(chart.timeframe, 0) and _needs(chart) > count:
            raise _too_few(path, chart, count)


def _needs(chart: ChartSettings) -> int:
    return chart.bars + warm_up(chart.indicators)


def _too_few(path: str, chart: ChartSettings, count: int) -> InvalidInput:
    shown = count - warm_up(chart.indicators)
    fewest = ChartSettings.model_fields["bars"].metadata[0].ge
    mend = f"Set {path}.bars to {shown} or less, or choose" if shown >= fewest else "Choose"
    return InvalidInput(
        f"{path}: {chart.bars} bars of {chart.timeframe} with {warm_up(chart.indicators)} more for"
        f" the indicators to warm up are {_needs(chart)}, and {count} are on record. {mend}"
        " indicators that warm up faster.",
        field=path,
    )


def _for_path(table: Mapping[str, str], path: str) -> str | None:
    """What the longest entry says that the path begins with; `*` stands for any one name."""
    parts = path.split(".")
    fitting = [pattern for pattern in table if _begins_with(parts, pattern.split("."))]
    return table[max(fitting, key=len)] if fitting else None


def _begins_with(parts: list[str], pattern: Iterable[str]) -> bool:
    wanted = list(pattern)
    return len(parts) >= len(wanted) and all(
        each in ("*", part) for each, part in zip(wanted, parts, strict=False)
    )
