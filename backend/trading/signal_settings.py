"""How a strategy turns rules and view into a signal: the part of its definition users write."""

from collections.abc import Collection
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from backend.core.errors import UnknownName, did_you_mean
from backend.trading.numbers import Number, Settings
from backend.trading.rules import MAX_LENGTH, Rule, parse

Label = Annotated[str, Field(min_length=1, max_length=80)]


class AtrStop(Settings):
    """So many average true ranges away from the entry."""

    kind: Literal["atr"] = "atr"
    multiple: Number = Field(Decimal(2), gt=0, le=20, description="How many ATR away.")
    label: Label = Field("atr_14", description="The ATR series of the strategy's charts.")


class PercentStop(Settings):
    """A fraction of the entry away from it."""

    kind: Literal["percent"]
    fraction: Number = Field(gt=0, le=Decimal("0.5"), description="0.05 is 5 % away.")


class IndicatorStop(Settings):
    """At the value of a series, such as SuperTrend's line or a moving average."""

    kind: Literal["indicator"]
    label: Label = Field(description="A price series of the strategy's charts.")


class ViewStop(Settings):
    """Where the analysts' view puts it."""

    kind: Literal["view"]


class ViewTargets(Settings):
    """The targets of the analysts' view."""

    kind: Literal["view"]


Stop = Annotated[AtrStop | PercentStop | IndicatorStop | ViewStop, Field(discriminator="kind")]
Multiple = Annotated[Number, Field(gt=0, le=50)]
Multiples = Annotated[tuple[Multiple, ...], Field(min_length=1, max_length=5)]


def _kind_of_targets(value: Any) -> str:
    return "view" if isinstance(value, dict | ViewTargets) else "multiples"


Targets = Annotated[
    Annotated[Multiples, Tag("multiples")] | Annotated[ViewTargets, Tag("view")],
    Discriminator(_kind_of_targets),
]


class SignalSettings(Settings):
    """
    What makes a signal, and where it enters, stops and takes profit.

    `source` is `rules`; `view`; `agree`: both say the same; `either`: one says so and the other
    does not say the opposite; `veto`: the rules, unless the view points the other way.
    """

    source: Literal["rules", "view", "agree", "either", "veto"] = Field(
        "agree", description="Who decides: rules, view, agree, either or veto."
    )
    long_when: str = Field("", max_length=MAX_LENGTH, description="The rule for buying.")
    short_when: str = Field("", max_length=MAX_LENGTH, description="The rule for selling short.")
    min_confidence: Number = Field(
        Decimal("0.6"), ge=0, le=1, description="A view less sure than this does not count."
    )
    stop: Stop = Field(AtrStop(), description="Where the idea is proven wrong.")
    targets: Targets = Field(
        (Decimal("1.5"), Decimal(3)),
        description="Multiples of the risk, nearest first, such as [1.5, 3]; or {kind: view}.",
    )
    minimum_reward_to_risk: Number = Field(
        Decimal("1.5"), ge=0, le=50, description="Mean distance of the targets over the stop's."
    )
    expires_after_minutes: int = Field(
        60, strict=True, ge=1, le=43_200, description="How long the signal may be acted on."
    )
    allow_short: bool = Field(False, strict=True, description="Whether it may sell short.")

    @property
    def has_rules(self) -> bool:
        return bool(self.long_when.strip() or self.short_when.strip())

    @property
    def needs_view(self) -> bool:
        """Whether the analysts have to be asked at all."""
        return self.source != "rules"

    @model_validator(mode="after")
    def _somebody_decides(self) -> "SignalSettings":
        if self.source in ("rules", "agree", "veto") and not self.has_rules:
            raise ValueError(
                f"source {self.source!r} needs a rule: write long_when or short_when, "
                "or choose source 'view'"
            )
        if not self.needs_view and self.stop.kind == "view":
            raise ValueError("stop.kind 'view' needs a view: choose another stop or source")
        if not self.needs_view and isinstance(self.targets, ViewTargets):
            raise ValueError("targets.kind 'view' needs a view: choose multiples or another source")
        return self

    @model_validator(mode="after")
    def _targets_are_worth_it(self) -> "SignalSettings":
        if isinstance(self.targets, ViewTargets):
            return self
        if any(nearer >= farther for nearer, farther in pairwise(self.targets)):
            raise ValueError("targets must grow: write the nearest first, each once")
        mean = sum(self.targets) / len(self.targets)
        if mean < self.minimum_reward_to_risk:
            raise ValueError(
                f"targets average {mean:.4g} times the risk, less than minimum_reward_to_risk "
                f"{self.minimum_reward_to_risk:g}: no signal could ever pass"
            )
        return self

    def rules(self, names: Collection[str]) -> tuple[Rule | None, Rule | None]:
        """
        The rules for going long and short, None where there is no text.

        `names` are the series of the strategy's charts. Raises `InvalidInput` with the field
        `long_when`, `short_when` or `stop.label` for what does not parse or is not among them.
        """
        label = getattr(self.stop, "label", None)
        if label is not None and label not in names:
            raise UnknownName(
                f"The stop needs the series {label!r}, which no chart has."
                f"{did_you_mean(label, names)} Add the indicator to a chart.",
                field="stop.label",
            )
        long_rule = (
            parse(self.long_when, names, field="long_when") if self.long_when.strip() else None
        )
        short_rule = (
            parse(self.short_when, names, field="short_when") if self.short_when.strip() else None
        )
        return long_rule, short_rule
