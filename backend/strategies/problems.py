"""What is wrong with a document: all of it at once, each with its field and the mend."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from backend.core.errors import InvalidInput, did_you_mean
from backend.indicators import series_names
from backend.trading.rules import parse
from backend.workflow.settings import ChartSettings

PRICE_NAMES = ("open", "high", "low", "close", "volume")

_CHARTS = TypeAdapter(list[ChartSettings])
_TAGS = {"stop": ("atr", "percent", "indicator", "view"), "targets": ("multiples", "view")}
"""Pydantic puts the kind that was tried into a path; the document has no such level."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """`field` is a dotted path of the document, empty for the whole; `message` a sentence."""

    field: str
    message: str
    code: str = "invalid_input"

    @property
    def sentence(self) -> str:
        return f"{self.field or 'strategy'}: {self.message}"


def refusal(problems: Sequence[Problem]) -> InvalidInput:
    """The first of them as an error, with how many more there are."""
    first, more = problems[0], len(problems) - 1
    rest = f" (and {more} more)" if more else ""
    return InvalidInput(first.sentence + rest, code=first.code, field=first.field or None)


def of_shape(error: ValidationError, known: Collection[str]) -> list[Problem]:
    """Pydantic's complaints; `known` are the paths that such a document has."""
    return [_told(detail, known) for detail in error.errors(include_url=False)]


def of_rules(document: Any) -> Iterator[Problem]:
    """
    What does not parse, or names what no chart has, as far as the charts can be read at all.

    Asked for of documents with other faults too, so that all of them are told at once.
    """
    try:
        charts = _CHARTS.validate_python(document["charts"])
        signal = dict(document["signal"])
    except (ValidationError, KeyError, TypeError, ValueError):
        return
    if not charts:
        return
    try:
        names = rule_names(charts)
    except InvalidInput as error:
        row = error.field or "0"
        yield Problem(field=f"charts.{row}.indicators", message=error.message, code=error.code)
        return
    yield from _of_stop(signal.get("stop"), names)
    yield from _of_sizing(document.get("risk"), names)
    yield from _of_trailing(document.get("exits"), names)
    for side in ("long_when", "short_when"):
        yield from _of_rule(signal.get(side), f"signal.{side}", names)


def rule_names(charts: Sequence[ChartSettings]) -> list[str]:
    """
    Every name that a rule over these charts may use; the first chart's names also stand alone.

    Raises `InvalidInput` for two series of one name, with the number of the chart as its field.
    """
    by_chart = []
    for row, chart in enumerate(charts):
        try:
            by_chart.append([*PRICE_NAMES, *series_names(chart.indicators)])
        except InvalidInput as error:
            raise InvalidInput(error.message, code=error.code, field=str(row)) from None
    at = [
        f"{name}@{chart.timeframe.value}"
        for chart, series in zip(charts, by_chart, strict=True)
        for name in series
    ]
    return [*by_chart[0], *at]


def _of_rule(text: Any, field: str, names: Collection[str]) -> Iterator[Problem]:
    if isinstance(text, str) and text.strip():
        try:
            parse(text, names, field=field)
        except InvalidInput as error:
            yield Problem(field=field, message=error.message, code="invalid_rule")


def _of_stop(stop: Any, names: Collection[str]) -> Iterator[Problem]:
    # A strategy without a stop gets the one at two ATR, which needs its series as well.
    given = {"kind": "atr"} if stop is None else stop
    if not isinstance(given, dict):
        return
    label = given.get("label", "atr_14" if given.get("kind") == "atr" else None)
    if given.get("kind") in ("atr", "indicator") and isinstance(label, str) and label not in names:
        yield Problem(
            field="signal.stop.label",
            message=f"The stop needs the series {label!r}, which no chart has."
            f"{did_you_mean(label, names)} Add the indicator to a chart.",
            code="invalid_rule",
        )


def _of_sizing(risk: Any, names: Collection[str]) -> Iterator[Problem]:
    if not isinstance(risk, dict) or risk.get("sizing") != "volatility":
        return
    label = risk.get("atr_label", "atr_14")
    if isinstance(label, str) and label not in names:
        yield Problem(
            field="risk.atr_label",
            message=f"Sizing by volatility needs the series {label!r}, which no chart has."
            f"{did_you_mean(label, names)} Add the indicator to a chart, or choose another sizing.",
            code="invalid_rule",
        )


def _of_trailing(exits: Any, names: Collection[str]) -> Iterator[Problem]:
    if not isinstance(exits, dict) or exits.get("trailing") != "atr":
        return
    label = exits.get("trailing_label", "atr_14")
    if isinstance(label, str) and label not in names:
        yield Problem(
            field="exits.trailing_label",
            message=f"Trailing by atr needs the series {label!r}, which no chart has."
            f"{did_you_mean(label, names)} Add the indicator to a chart, or trail by percent.",
            code="invalid_rule",
        )


def _told(detail: Any, known: Collection[str]) -> Problem:
    path = list(_path(detail["loc"]))
    message = _plainer(detail["msg"].removeprefix("Value error, ").rstrip("."))
    lead, separator, rest = message.partition(" ")
    named = ".".join([*path, lead.removesuffix(":")])
    if separator and named in known:
        path, message = named.split("."), rest if lead.endswith(":") else message
    if detail["type"] == "extra_forbidden":
        message = f"There is no such field. Extra inputs are not permitted{_near(path, known)}"
    ending = "" if message.endswith("?") else "."
    return Problem(field=".".join(path), message=f"{message}{ending}")


_WORDS = (
    ("Input should be", "This should be"),
    ("String should have", "Write"),
    ("List should have", "Name"),
    ("Field required", "This is required, and missing"),
    (" after validation, not 0", ""),
    (", unable to parse string as an integer", ", such as 30"),
    (", unable to parse string as a number", ", such as 0.5"),
    ("a valid decimal", "a decimal number such as 0.5"),
)


def _plainer(message: str) -> str:
    """Pydantic speaks to programmers; the reader is a person who trades."""
    for theirs, ours in _WORDS:
        message = message.replace(theirs, ours)
    return message


def _path(location: Sequence[int | str]) -> Iterator[str]:
    before: int | str = ""
    for part in location:
        if part not in _TAGS.get(str(before), ()):
            yield str(part)
        before = part


def _near(path: list[str], known: Collection[str]) -> str:
    parent = ".".join([*path[:-1], ""])
    siblings = {name[len(parent) :].partition(".")[0] for name in known if name.startswith(parent)}
    return f".{hint}" if (hint := did_you_mean(path[-1], siblings)) else ""
