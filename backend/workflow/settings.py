"""What a strategy tells the steps beside rules, risk and schedule: charts, analysis, mode."""

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.core.values import Timeframe
from backend.indicators import IndicatorSpec


class Mode(StrEnum):
    OBSERVE = "observe"  #: signals only
    APPROVE = "approve"  #: orders wait for a person
    TRADE = "trade"  #: orders go out


class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ChartSettings(Settings):
    """One timeframe to look at. The first of a strategy is its primary one."""

    timeframe: Timeframe
    bars: int = Field(250, ge=30, le=1000, description="How many closed bars to fetch and draw.")
    indicators: list[IndicatorSpec] = Field([], max_length=20)


PromptLabel = Literal["production", "trial"]


class PromptNames(Settings):
    """Which prompts to use; each execution keeps the version that was in force."""

    system: str = "system"
    chart: str = "chart"
    view: str = "view"


class AnalysisSettings(Settings):
    model: str = Field("", max_length=100, description="Empty: the model of the settings.")
    temperature: float | None = Field(None, ge=0, le=2, description="None: the model's default.")
    max_output_tokens: int = Field(
        8_000, ge=200, le=64_000, description="Reasoning that the model does not show counts too."
    )
    send_charts: bool = Field(True, description="Show the charts to the model as images.")
    go_on_without_charts: bool = Field(
        True, description="When charts cannot be rendered, go on with numbers only."
    )
    prompts: PromptNames = PromptNames()
    prompt_label: PromptLabel = Field(
        "production",
        description="Which version of each prompt runs; trial falls back to production where a"
        " prompt has no trial version.",
    )
