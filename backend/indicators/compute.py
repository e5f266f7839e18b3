"""Many indicators over one set of bars: their series, how many bars they need, how they look."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from backend.core.errors import InvalidInput
from backend.core.values import Bars, FloatArray
from backend.indicators.base import IndicatorSpec, Style, indicators


@dataclass(frozen=True, kw_only=True)
class DrawnSeries:
    """How one series looks on a chart; series of one `group` belong to one indicator."""

    label: str
    title: str
    group: str
    style: Style
    is_overlay: bool
    levels: tuple[float, ...]


def compute(bars: Bars, specs: Sequence[IndicatorSpec]) -> dict[str, FloatArray]:
    """
    Every series by its name in rules, each as long as the bars, NaN while warming up.

    Raises `InvalidInput`: code `too_few_bars` naming how many are needed, `missing_price` for bars
    with a price that is no number (one would silently spoil every value after it), and
    `duplicate_label` for two series of one name.
    """
    _refuse_too_few(len(bars), specs)
    _refuse_missing_prices(bars)
    series: dict[str, FloatArray] = {}
    expected = 0
    for spec in specs:
        indicator = indicators.get(spec.name)
        values = indicator.compute(bars, **spec.parameters)
        expected += len(indicator.outputs)
        for position, output in enumerate(indicator.outputs):
            series[f"{spec.label}_{output}" if position else spec.label] = values[output]
    if len(series) != expected:
        series_names(specs)
    return series


def series_names(specs: Iterable[IndicatorSpec]) -> tuple[str, ...]:
    """What rules may call the series of these. Raises `InvalidInput` when two share a name."""
    names: list[str] = []
    for spec in specs:
        for name in _names(spec).values():
            if name in names:
                raise InvalidInput(
                    f"Two indicator series are called {name!r}. Give one of them another label.",
                    code="duplicate_label",
                    field="label",
                )
            names.append(name)
    return tuple(names)


def warm_up(specs: Iterable[IndicatorSpec]) -> int:
    """How many bars it takes until every series has its first value; 0 without indicators."""
    return max((_bars_needed(spec) for spec in specs), default=0)


def describe(spec: IndicatorSpec) -> tuple[DrawnSeries, ...]:
    """Each series of an indicator as a chart shows it, the main one first."""
    indicator = indicators.get(spec.name)
    return tuple(
        DrawnSeries(
            label=name,
            title=_title(spec, output),
            group=spec.label,
            style=indicator.styles.get(output, "line"),
            is_overlay=indicator.is_overlay,
            levels=indicator.levels,
        )
        for output, name in _names(spec).items()
    )


def _names(spec: IndicatorSpec) -> Mapping[str, str]:
    main, *others = indicators.get(spec.name).outputs
    return {main: spec.label, **{other: f"{spec.label}_{other}" for other in others}}


def _title(spec: IndicatorSpec, output: str) -> str:
    """`SMA 20`, `MACD 12, 26, 9 signal`: what a trader reads in a legend."""
    indicator = indicators.get(spec.name)
    numbers = ", ".join(f"{value:g}" for value in spec.parameters.values())
    suffix = "" if output == indicator.outputs[0] else output.replace("_", " ")
    return " ".join(part for part in (indicator.title, numbers, suffix) if part)


def _bars_needed(spec: IndicatorSpec) -> int:
    return indicators.get(spec.name).warm_up(**spec.parameters) + 1


def _refuse_too_few(count: int, specs: Sequence[IndicatorSpec]) -> None:
    for spec in specs:
        needed = _bars_needed(spec)
        if count < needed:
            everything = warm_up(specs)
            raise InvalidInput(
                f"{spec.label!r} needs {needed} bars and there are {count}. Fetch at least"
                f" {everything} bars or choose a shorter period.",
                code="too_few_bars",
                field=spec.label,
            )


def _refuse_missing_prices(bars: Bars) -> None:
    # A dot product is the cheapest way to ask four arrays at once: any NaN or infinity stays.
    total = bars.open @ bars.high + bars.low @ bars.close
    if total - total == 0:
        return
    for name in ("open", "high", "low", "close"):
        for row, price in enumerate(getattr(bars, name)):
            if price - price != 0:
                raise InvalidInput(
                    f"The {name} of bar {row + 1} of {len(bars)} is {price}. Fetch the bars again"
                    " or leave that bar out.",
                    code="missing_price",
                    field=name,
                )
