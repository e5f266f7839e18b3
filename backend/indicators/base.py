"""What an indicator is: a name, parameters with defaults, and a function from bars to series."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from backend.core.errors import InvalidInput
from backend.core.registry import Registry
from backend.core.values import FloatArray
from backend.indicators import spelling

Number = int | float

Style = Literal["line", "histogram", "upper", "lower", "direction"]
"""How a series is drawn; `upper` and `lower` bound a band, `direction` (+1, -1) colours a line."""


@dataclass(frozen=True, kw_only=True)
class Indicator:
    """
    `compute(bars, **parameters)` gives one array per output, as long as the bars, NaN while
    warming up. `outputs` names them; the first is the main one. `warm_up(**parameters)` is how
    many bars pass before the first value; below zero when TA-Lib refuses the parameters, and it
    may raise `InvalidInput` for parameters that make no sense together.
    """

    name: str
    title: str
    description: str
    """What it measures, for the page where one chooses."""
    parameters: Mapping[str, Number]
    outputs: tuple[str, ...]
    is_overlay: bool
    """Drawn over the candles; otherwise in a pane of its own."""
    compute: Callable[..., Mapping[str, FloatArray]]
    warm_up: Callable[..., int]
    source: str = "TA-Lib"
    levels: tuple[float, ...] = field(default=())
    """Horizontal lines worth drawing in its pane, such as 30 and 70 for the RSI."""
    styles: Mapping[str, Style] = field(default_factory=dict)
    """How each output is drawn; a line where nothing is said."""
    lowest: Mapping[str, Number] = field(default_factory=dict)
    """The smallest value of a parameter, where that is not 1 for a whole number."""


indicators: Registry[Indicator] = Registry("indicator")


class IndicatorSpec(BaseModel):
    """
    One indicator with its parameters, as a strategy asks for it.

    Reads `"macd_12_26_9"` as well as `{"name": "macd", "parameters": {"slow": 30}}`; once read,
    every parameter is there. `label` prefixes its series' names in rules: `sma_20`, or `macd`,
    `macd_signal`, `macd_histogram` for several outputs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    parameters: dict[str, Number] = {}
    label: str = ""

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """A refusal becomes pydantic's own, so that it keeps its place in a larger document."""
        if isinstance(given, cls):
            return given
        try:
            return spelling.complete(given, indicators)
        except InvalidInput as error:
            raise PydanticCustomError(
                "indicator", "{message}", {"message": error.message, "field": error.field}
            ) from error


def spell(spec: IndicatorSpec) -> str:
    """
    The shortest text that `parse` reads as this spec: `sma_20`, `bollinger_20_2.5`.

    A label of its own stands in front: `fast = sma_20`; `read_spelling` reads that as well.
    """
    own = spelling.texts(spec.name, spec.parameters.values())
    for text in own:
        if parse(text) == spec:
            return text
    return f"{spec.label} = {own[-1]}"


def read_spelling(text: str) -> str | dict[str, Any]:
    """What `spell` wrote, as a document that a strategy may hold; wrong texts stay as they are."""
    label, separator, written = (part.strip() for part in text.partition("="))
    if not separator:
        return label
    try:
        spec = parse(written)
    except InvalidInput:
        return written
    return {"name": spec.name, "parameters": spec.parameters, "label": label}


def parse(given: str | dict[str, Any] | IndicatorSpec) -> IndicatorSpec:
    """
    A spec with every parameter filled in and a label that rules can use.

    Raises `UnknownName` for an indicator or a parameter that does not exist, and `InvalidInput`
    for a value out of range or a label that is no name, each with the field and the remedy.
    """
    if isinstance(given, IndicatorSpec):
        return given
    return IndicatorSpec.model_validate(spelling.complete(given, indicators))
