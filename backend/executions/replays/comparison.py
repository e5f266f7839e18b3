"""Two executions held against each other, step by step. Pure: it reads what it is given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any

from backend.executions.conversing import Talk, TalkPair, pairs
from backend.executions.decided import decided
from backend.executions.models import Execution, LineageRecord, RecordStatus
from backend.executions.replays.documents import MISSING, Difference, differences
from backend.workflow.plan import STEP_NAMES

INCIDENTAL = frozenset(
    {
        *("seconds", "attempts", "cache_hit", "fetched", "from_cache"),
        *("as_of", "taken_at", "updated_at", "expires_at", "login_expires_at"),
    }
)
"""How and when something was got, which does not make it another thing."""
_MUTE = (RecordStatus.INTERRUPTED, RecordStatus.PARKED)
_SHOWN_APART = frozenset({"conversations", "view_conversation"})
_OF_ARTIFACTS = frozenset({"sha256", "size", "content_type"})


class State(StrEnum):
    SAME = "same"  #: both found the same, and ended alike
    CHANGED = "changed"  #: they part here
    ONLY_FIRST = "only_first"  #: the second one did not run it
    ONLY_SECOND = "only_second"  #: the first one did not run it
    WITHHELD = "withheld"  #: a replay never runs it, so there is nothing to hold against it
    WAITING = "waiting"  #: one of the two is still under way and did not come so far
    NEITHER = "neither"  #: nobody ran it


@dataclass(frozen=True, kw_only=True)
class Side:
    """One execution with everything that is compared of it."""

    execution: Execution
    strategy_name: str
    version_number: int
    definition: Mapping[str, Any]
    prompts: Mapping[str, str]
    """Prompt kind -> name and version, in words."""
    records: Sequence[LineageRecord]
    talks: Mapping[str, Sequence[Talk]]
    """Step -> what was asked and answered in it."""

    @property
    def last(self) -> dict[str, LineageRecord]:
        """The last word of each step."""
        return {record.step: record for record in self.records if record.status not in _MUTE}


@dataclass(frozen=True, kw_only=True)
class FactChange:
    """
    One fact that differs; None on a side that does not have it (`is_missing` tells null apart).
    `difference` and `ratio` are of numbers: second minus first, and that over the first.
    """

    path: str
    first: Any
    second: Any
    is_missing: tuple[bool, bool]
    difference: Decimal | None
    ratio: float | None
    is_incidental: bool

    @property
    def is_same(self) -> bool:
        return self.is_missing == (False, False) and bool(self.first == self.second)


@dataclass(frozen=True, kw_only=True)
class ArtifactPair:
    """What both kept under one name; a hash is None where a side kept nothing."""

    name: str
    content_type: str
    first: str | None
    second: str | None

    @property
    def is_same(self) -> bool:
        return self.first == self.second


@dataclass(frozen=True, kw_only=True)
class StepComparison:
    step: str
    number: int
    state: State
    first: LineageRecord | None
    second: LineageRecord | None
    facts: list[FactChange]
    artifacts: list[ArtifactPair]
    talks: list[TalkPair]

    @property
    def charts(self) -> list[tuple[str, ArtifactPair, ArtifactPair | None]]:
        """(Timeframe, figures, pictures) of every chart that this step drew."""
        by_name = {artifact.name: artifact for artifact in self.artifacts}
        return [
            (stem.removeprefix("chart_"), figure, by_name.get(f"{stem}.png"))
            for name, figure in by_name.items()
            if (stem := name.removesuffix(".plotly.json")) != name
        ]

    @property
    def is_same(self) -> bool:
        return self.state in (State.SAME, State.WITHHELD, State.WAITING, State.NEITHER)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    first: Side
    second: Side
    asked: list[FactChange]
    """What the two were asked to do differently: settings and prompt versions."""
    decided: list[FactChange]
    """Signal, prices, quantity and end of both, also where they are the same."""
    steps: list[StepComparison]

    @property
    def parts_at(self) -> str | None:
        """The first step where they part; None while they have not."""
        return next((step.step for step in self.steps if not step.is_same), None)

    @property
    def changed_steps(self) -> list[StepComparison]:
        return [step for step in self.steps if not step.is_same]

    @property
    def is_finished(self) -> bool:
        return all(side.execution.outcome is not None for side in (self.first, self.second))

    @property
    def sentence(self) -> str:
        """The whole of it, for a person."""
        if not self.is_finished:
            return "Still under way: steps appear as they finish."
        if self.parts_at is None:
            return "Both found the same in every step."
        ends = [_end(side.execution) for side in (self.first, self.second)]
        where = f"They part at {self.parts_at.replace('_', ' ')}"
        if ends[0] == ends[1]:
            return f"{where}, and both end {ends[0]}."
        return f"{where}: the first ends {ends[0]}, the second {ends[1]}."


def compare(first: Side, second: Side) -> Comparison:
    return Comparison(
        first=first,
        second=second,
        asked=[_fact(each) for each in differences(_asked(first), _asked(second))],
        decided=_decided(first, second),
        steps=[
            _step(number, name, first, second) for number, name in enumerate(STEP_NAMES, start=1)
        ],
    )


def _asked(side: Side) -> dict[str, Any]:
    """What an execution was to do: its definition, and the prompts that were in force."""
    strategy = f"{side.strategy_name}, version {side.version_number}"
    symbol = side.execution.symbol
    return {**side.definition, "strategy": strategy, "symbol": symbol, "prompts": {**side.prompts}}


def _decided(first: Side, second: Side) -> list[FactChange]:
    one, other = (decided(side.execution, side.last) for side in (first, second))
    return [
        _fact(Difference(path=(name,), before=one[name], after=other[name]))
        for name in one
        if one[name] is not None or other[name] is not None
    ]


def _step(number: int, name: str, first: Side, second: Side) -> StepComparison:
    one, other = first.last.get(name), second.last.get(name)
    is_waiting = any(
        side.execution.outcome is None and name not in side.last for side in (first, second)
    )
    found = list(differences(_facts(one), _facts(other))) if one and other else []
    changes = [_fact(each) for each in found]
    return StepComparison(
        step=name,
        number=number,
        state=State.WAITING if is_waiting else _state(one, other, changes),
        first=one,
        second=other,
        facts=[each for each in changes if not _is_shown_apart(each)],
        artifacts=[] if is_waiting else _artifacts(one, other),
        talks=[] if is_waiting else pairs(first.talks.get(name, ()), second.talks.get(name, ())),
    )


def _is_shown_apart(fact: FactChange) -> bool:
    """Talks and artifacts are told in full beside the facts."""
    first, *_, last = fact.path.split(".") if "." in fact.path else (fact.path, fact.path)
    return first in _SHOWN_APART or last in _OF_ARTIFACTS


def _state(
    one: LineageRecord | None, other: LineageRecord | None, changes: list[FactChange]
) -> State:
    if "replay" in (one and one.reason_code, other and other.reason_code):
        return State.WITHHELD
    if not _ran(one) and not _ran(other):
        return State.NEITHER
    if not _ran(one) or not _ran(other):
        return State.ONLY_FIRST if _ran(one) else State.ONLY_SECOND
    has_other_facts = any(not each.is_incidental for each in changes)
    return State.CHANGED if has_other_facts or _ending(one) != _ending(other) else State.SAME


def _ran(record: LineageRecord | None) -> bool:
    return record is not None and (record.output is not None or record.outcome is not None)


def _ending(record: LineageRecord | None) -> tuple[Any, ...] | None:
    if record is None:
        return None
    return (record.status, record.outcome, record.reason_code, record.reason)


def _end(execution: Execution) -> str:
    signal = f", {execution.signal_action}" if execution.signal_action else ""
    return f"{execution.outcome} ({execution.reason_code}{signal})"


def _facts(record: LineageRecord) -> dict[str, Any]:
    return record.output or {}


def _fact(each: Difference) -> FactChange:
    numbers = [_number(value) for value in (each.before, each.after)]
    difference = None
    if numbers[0] is not None and numbers[1] is not None:
        difference = numbers[1] - numbers[0]
    return FactChange(
        path=each.dotted,
        first=None if each.before is MISSING else each.before,
        second=None if each.after is MISSING else each.after,
        is_missing=(each.before is MISSING, each.after is MISSING),
        difference=difference,
        ratio=float(difference / abs(numbers[0]))
        if difference is not None and numbers[0]
        else None,
        is_incidental=bool(INCIDENTAL.intersection(each.path)),
    )


def _number(value: Any) -> Decimal | None:
    """A number, also where money is written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and abs(number.adjusted()) < 40 else None


def _artifacts(one: LineageRecord | None, other: LineageRecord | None) -> list[ArtifactPair]:
    kept = [
        {each["name"]: each for each in (record.artifacts if record else [])}
        for record in (one, other)
    ]
    return [
        ArtifactPair(
            name=name,
            content_type=(kept[0].get(name) or kept[1][name])["content_type"],
            first=kept[0].get(name, {}).get("sha256"),
            second=kept[1].get(name, {}).get("sha256"),
        )
        for name in dict.fromkeys([*kept[0], *kept[1]])
    ]
