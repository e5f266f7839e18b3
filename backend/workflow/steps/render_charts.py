from datetime import datetime

import numpy as np
from pydantic import BaseModel

from backend.brokers.base import Contract
from backend.charts import ChartInput, Series, figure, figure_json
from backend.core.errors import OutsideError
from backend.core.values import FloatArray, Timeframe
from backend.indicators import describe
from backend.workflow.settings import AnalysisSettings, ChartSettings
from backend.workflow.steps.base import ArtifactRef, StepData, Tools, Touches, step
from backend.workflow.steps.fetch_bars import BarSnapshot


class RenderedChart(BaseModel):
    figure: ArtifactRef
    png: ArtifactRef | None


class Input(StepData):
    contract: Contract
    chart_settings: list[ChartSettings]
    analysis_settings: AnalysisSettings
    snapshots: dict[Timeframe, BarSnapshot]
    series: dict[Timeframe, ArtifactRef]
    as_of: datetime
    is_simulated: bool


class Output(StepData):
    charts: dict[Timeframe, RenderedChart]


@step("render_charts", input=Input, output=Output, touches=Touches.NOTHING)
def render_charts(input: Input, tools: Tools) -> Output:
    """One figure per timeframe, and the picture of it that the model will see."""
    charts = {}
    for chart in input.chart_settings:
        data = figure_json(figure(_chart_input(chart, input, tools)))
        name = f"chart_{chart.timeframe}"
        charts[chart.timeframe] = RenderedChart(
            figure=tools.keep(f"{name}.plotly.json", data, "application/vnd.plotly.v1+json"),
            png=_png(name, data, input.analysis_settings, tools),
        )
    return Output(charts=charts)


def _png(name: str, data: bytes, settings: AnalysisSettings, tools: Tools) -> ArtifactRef | None:
    if tools.renderer is None:
        tools.note("Pictures are switched off (CHARTS_PNG); the figure alone is kept.")
        return None
    try:
        return tools.keep(f"{name}.png", tools.renderer.png(data), "image/png")
    except OutsideError as error:
        if not settings.go_on_without_charts:
            raise
        tools.note("No picture: going on with numbers only.", code=error.code, why=error.message)
        return None


def _chart_input(chart: ChartSettings, input: Input, tools: Tools) -> ChartInput:
    snapshot = input.snapshots[chart.timeframe]
    document = tools.load_json(input.series[chart.timeframe])
    return ChartInput(
        symbol=input.contract.symbol,
        bars=tools.load_bars(snapshot.bars),
        as_of=input.as_of,
        is_simulated=input.is_simulated,
        series=tuple(
            Series(
                label=drawn.label,
                title=drawn.title,
                group=drawn.group,
                values=as_array(document["series"][drawn.label]),
                style=drawn.style,
                is_overlay=drawn.is_overlay,
                levels=drawn.levels,
            )
            for spec in chart.indicators
            for drawn in describe(spec)
        ),
        timezone=input.contract.timezone,
        visible=chart.bars,
    )


def as_array(values: list[float | None]) -> FloatArray:
    """A stored series as an array again: null is NaN."""
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
