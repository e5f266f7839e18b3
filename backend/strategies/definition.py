"""What a strategy says: one document, written by people, checked before it is saved."""

import json
from functools import cache, lru_cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from backend.exchange.quality import QualityLimits
from backend.strategies.fields import walk
from backend.strategies.problems import Problem, of_rules, of_shape, refusal, rule_names
from backend.strategies.schedule import Schedule, exchange_of
from backend.trading.exits import ExitSettings
from backend.trading.limits import RiskSettings
from backend.trading.plan import OrderSettings
from backend.trading.signal import SignalSettings
from backend.workflow.settings import AnalysisSettings, ChartSettings, Mode


class StrategyDefinition(BaseModel):
    """
    The document behind every version of a strategy, as JSON or YAML.

    `stored` reads what the database keeps, whatever its `version`; `checked` reads what a person
    sends and raises `InvalidInput` that names the field and the mend.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    name: str = Field(min_length=1, max_length=100)
    description: str = Field("", max_length=2_000)
    symbols: list[str] = Field(min_length=1, max_length=50)
    mode: Mode = Mode.OBSERVE
    account: str = Field("", max_length=32, description="Empty: the account of the settings.")
    schedule: Schedule
    charts: list[ChartSettings] = Field(min_length=1, max_length=4)
    signal: SignalSettings
    analysis: AnalysisSettings = AnalysisSettings()
    data: QualityLimits = QualityLimits()
    risk: RiskSettings = RiskSettings()
    orders: OrderSettings = OrderSettings()
    exits: ExitSettings = ExitSettings()

    @field_validator("symbols")
    @classmethod
    def _symbols_are_plain(cls, symbols: list[str]) -> list[str]:
        plain = [symbol.strip().upper() for symbol in symbols]
        for symbol in plain:
            if (
                not symbol
                or len(symbol) > 20
                or not symbol.replace(".", "").replace(" ", "").isalnum()
            ):
                raise ValueError(f"{symbol!r} is no symbol. Write it as the exchange does: AAPL")
        if len(set(plain)) < len(plain):
            raise ValueError("Name each symbol once")
        return plain

    @model_validator(mode="after")
    def _charts_differ(self) -> Self:
        timeframes = [chart.timeframe for chart in self.charts]
        if len(set(timeframes)) < len(timeframes):
            raise ValueError("charts: name each timeframe once and put all its indicators there")
        return self

    @classmethod
    def checked(cls, document: Any) -> Self:
        """Raises `InvalidInput` for anything that could not run."""
        if found := problems(document):
            raise refusal(found)
        return cls.model_validate(document)

    @classmethod
    def stored(cls, document: dict[str, Any]) -> Self:
        return cls.model_validate(document)

    def facts(self) -> dict[str, Any]:
        """What the steps are told of it, by the names that they ask for."""
        document = self.model_dump(mode="json")
        return {
            "strategy_name": self.name,
            "mode": document["mode"],
            "account_setting": self.account,
            "schedule_exchange": exchange_of(self.schedule),
            "chart_settings": document["charts"],
            "signal_settings": document["signal"],
            "analysis_settings": document["analysis"],
            "data_limits": document["data"],
            "risk_settings": document["risk"],
            "order_settings": document["orders"],
            "exit_settings": document["exits"],
        }

    def rule_names(self) -> list[str]:
        """Every name that a rule of this strategy may use."""
        return rule_names(self.charts)


def problems(document: Any) -> list[Problem]:
    """Everything that keeps a document from running; empty for a good one."""
    try:
        StrategyDefinition.model_validate(document)
    except ValidationError as error:
        return [*of_shape(error, _paths()), *of_rules(document)]
    return list(of_rules(document))


def checked_schedule(document: Any) -> Schedule:
    """Raises `InvalidInput` that names field and mend."""
    try:
        return Schedule.model_validate(document)
    except ValidationError as error:
        raise refusal(of_shape(error, Schedule.model_fields)) from None


def schedule_of(document: dict[str, Any]) -> Schedule:
    """The schedule alone: the dispatcher reads hundreds and needs no more."""
    return _schedule(json.dumps(document["schedule"], sort_keys=True))


@lru_cache(maxsize=10_000)
def _schedule(text: str) -> Schedule:
    return Schedule.model_validate_json(text)


@cache
def _paths() -> frozenset[str]:
    """Every path of a document, those of its parts included."""
    leaves = [field.path for field in walk(StrategyDefinition)]
    whole = [leaf.rpartition(".")[0] for leaf in leaves if "." in leaf]
    return frozenset([*leaves, *whole, "signal.stop.kind", "signal.targets.kind"])
