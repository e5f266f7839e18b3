"""What an indicator is: a name, parameters with defaults, and a function from bars to series."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, ConfigDict

from backend.core.registry import Registry
from backend.core.values import Bars, FloatArray

Number = int | float


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """
    `compute(bars, **parameters)` gives one array per output, as long as the bars, NaN while
    warming up. `outputs` names them; the first is the main one. `warm_up(**parameters)` is how
    many bars pass before the first value.
    """

    name: str
    title: str
    parameters: Mapping[str, Number]
    outputs: tuple[str, ...]
    is_overlay: bool
    """Drawn over the candles; otherwise in a pane of its own."""
    compute: Callable[..., Mapping[str, FloatArray]]
    warm_up: Callable[..., int]
    source: str = "TA-Lib"
    levels: tuple[float, ...] = field(default=())
    """Horizontal lines worth drawing in its pane, such as 30 and 70 for the RSI."""


indicators: Registry[Indicator] = Registry("indicator")

LABEL = re.compile(r"[a-z][a-z0-9_]*\Z")


class IndicatorSpec(BaseModel):
    """
    One indicator with its parameters, as a strategy asks for it.

    `label` prefixes its series' names in rules: `sma_20`, or `macd`, `macd_signal`,
    `macd_histogram` for several outputs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    parameters: dict[str, Number] = {}
    label: str = ""
