"""What a strategy says: one document, written by people, checked before it is saved."""

import json
from functools import lru_cache
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from backend.core.errors import InvalidInput
from backend.exchange.quality import QualityLimits
from backend.indicators import series_names
from backend.strategies.schedule import Schedule
from backend.trading.limits import RiskSettings
from backend.trading.plan import OrderSettings
from backend.trading.signal import SignalSettings
from backend.workflow.settings import AnalysisSettings, ChartSettings, Mode

PRICE_NAMES = ("open", "high", "low", "close", "volume")


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

    @field_validator("mode")
    @classmethod
    def _mode_is_ready(cls, mode: Mode) -> Mode:
        if mode is not Mode.OBSERVE:
            raise ValueError(
                f"mode {mode.value!r} needs order placement, which is to come. Use 'observe'"
            )
        return mode

    @model_validator(mode="after")
    def _charts_differ(self) -> Self:
        timeframes = [chart.timeframe for chart in self.charts]
        if len(set(timeframes)) < len(timeframes):
            raise ValueError("charts: name each timeframe once and put all its indicators there")
        return self

    @classmethod
    def checked(cls, document: Any) -> Self:
        """Raises `InvalidInput` for anything that could not run."""
        try:
            definition = cls.model_validate(document)
        except ValidationError as error:
            raise kind_error(error) from None
        definition._check_rules()
        return definition

    @classmethod
    def stored(cls, document: dict[str, Any]) -> Self:
        return cls.model_validate(document)

    def rule_names(self) -> list[str]:
        """Every name that a rule of this strategy may use."""
        names = [*PRICE_NAMES, *series_names(self.charts[0].indicators)]
        for chart in self.charts:
            series = [*PRICE_NAMES, *series_names(chart.indicators)]
            names += [f"{name}@{chart.timeframe.value}" for name in series]
        return names

    def _check_rules(self) -> None:
        try:
            self.signal.rules(self.rule_names())
        except InvalidInput as error:
            field = f"signal.{error.field}" if error.field else "signal"
            raise InvalidInput(
                f"{field}: {error.message}", code="invalid_rule", field=field
            ) from None


def checked_schedule(document: Any) -> Schedule:
    """Raises `InvalidInput` that names field and mend."""
    try:
        return Schedule.model_validate(document)
    except ValidationError as error:
        raise kind_error(error) from None


def schedule_of(document: dict[str, Any]) -> Schedule:
    """The schedule alone: the dispatcher reads hundreds and needs no more."""
    return _schedule(json.dumps(document["schedule"], sort_keys=True))


@lru_cache(maxsize=10_000)
def _schedule(text: str) -> Schedule:
    return Schedule.model_validate_json(text)


def kind_error(error: ValidationError) -> InvalidInput:
    """Pydantic's first complaint as a sentence that names the field."""
    first = error.errors(include_url=False)[0]
    field = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    more = error.error_count() - 1
    rest = f" (and {more} more)" if more else ""
    return InvalidInput(f"{field or 'strategy'}: {message}.{rest}", field=field or None)
