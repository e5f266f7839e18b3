"""
A definition as the fields of a form, and back: two views of the same document.

Field names are the document's own paths (`risk.lot`); lists and choices of shape have fields of
their own: `symbols`, `charts.0.indicators`, `signal.stop.kind`, `signal.targets`. Pure functions.
"""

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from backend.indicators import read_spelling, spell
from backend.strategies.definition import StrategyDefinition
from backend.strategies.fields import Field, walk
from backend.trading.signal_settings import SignalSettings, Stop, ViewTargets
from backend.workflow.settings import ChartSettings

Fields = Mapping[str, str]

CHARTS = 4
"""Places for timeframes on the form; one without a timeframe is not used."""
_CHART = ("timeframe", "bars", "indicators")
_SHAPED = ("symbols", "charts", "signal.stop", "signal.targets")
_OFF = ("", "no", "off", "false", "0")
_STANDS_FOR = {
    "": "name",
    "charts": "charts.0.timeframe",
    "schedule": "schedule.when",
    "signal": "signal.source",
    "signal.stop": "signal.stop.kind",
}
"""Which field shows a problem of a whole part."""


@cache
def plain_fields() -> Mapping[str, Field]:
    """Those that hold one value each, by path."""
    return {each.path: each for each in walk(StrategyDefinition) if each.path not in _SHAPED}


@cache
def stops() -> Mapping[str, tuple[Field, ...]]:
    """Kind of stop -> what else it asks for."""
    members = get_args(get_args(Stop)[0])
    return {
        get_args(member.model_fields["kind"].annotation)[0]: tuple(
            each for each in walk(member, "signal.stop.") if each.path != "signal.stop.kind"
        )
        for member in members
    }


@cache
def names() -> tuple[str, ...]:
    """Every field of the form."""
    charts = [f"charts.{row}.{name}" for row in range(CHARTS) for name in _CHART]
    of_stops = {each.path for fields in stops().values() for each in fields}
    shaped = ["symbols", "signal.stop.kind", "signal.targets.kind", "signal.targets"]
    return (*plain_fields(), *charts, *shaped, *sorted(of_stops))


def field_of(path: str) -> str:
    """The field beside which a problem with this path of the document is shown."""
    known = names()
    while path and path not in known and path not in _STANDS_FOR:
        path = path.rpartition(".")[0]
    return path if path in known else _STANDS_FOR[path]


def to_fields(definition: StrategyDefinition) -> dict[str, str]:
    """Every field; those that this definition has no use for hold what one would begin with."""
    return {
        **{path: _text(_at(definition, path)) for path in plain_fields()},
        "symbols": ", ".join(definition.symbols),
        **_chart_fields(definition.charts),
        **_stop_fields(definition.signal.stop),
        **_target_fields(definition.signal.targets),
    }


def to_document(fields: Fields) -> dict[str, Any]:
    """
    The document that the fields say, right or wrong: `StrategyDefinition` judges it.

    A plain field that was not sent is left out, so that its default holds; a box that was not
    sent is not ticked.
    """
    document: dict[str, Any] = {}
    for path, field in plain_fields().items():
        if path in fields or field.kind == "yes":
            _put(document, path, _value(field, fields.get(path, "")))
    document["symbols"] = _split(fields.get("symbols", ""))
    document["charts"] = [chart for row in range(CHARTS) for chart in _chart(fields, row)]
    _put(document, "signal.stop", _stop(fields))
    _put(document, "signal.targets", _targets(fields))
    document["signal"] = _in_order(document["signal"], SignalSettings)
    return _in_order(document, StrategyDefinition)


def document_of(definition: StrategyDefinition) -> dict[str, Any]:
    """The whole definition as a person would write it: `sma_20` instead of an object."""
    return to_document(to_fields(definition))


def _at(definition: StrategyDefinition, path: str) -> Any:
    value: Any = definition
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _in_order(document: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    return {name: document[name] for name in model.model_fields if name in document}


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for name in parents:
        document = document.setdefault(name, {})
    document[last] = value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float | Decimal):
        return f"{Decimal(str(value)):f}"
    if isinstance(value, tuple):
        return ", ".join(value)
    return "" if value is None else str(value)


_WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]{1,30}\.?[0-9]{0,30}|\.[0-9]{1,30})")


def _value(field: Field, text: str) -> Any:
    """Of the field's kind; a text that is none stays one, for the check to name."""
    if field.kind == "yes":
        return text.strip().lower() not in _OFF
    if field.kind == "words":
        return _split(text)
    plain = text.strip()
    if field.is_optional and not plain:
        return None
    if field.kind == "whole" or field.path == "version":
        return int(plain) if _WHOLE.fullmatch(plain) else plain
    if field.kind == "number":
        return _number(plain)
    return text.replace("\r\n", "\n")


def _number(text: str) -> Decimal | str:
    return Decimal(text) if _NUMBER.fullmatch(text) else text


def _split(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,;\n]", text) if part.strip()]


def _chart_fields(charts: list[ChartSettings]) -> dict[str, str]:
    fields = {f"charts.{row}.{name}": "" for row in range(CHARTS) for name in _CHART}
    for row, chart in enumerate(charts):
        fields[f"charts.{row}.timeframe"] = chart.timeframe.value
        fields[f"charts.{row}.bars"] = str(chart.bars)
        fields[f"charts.{row}.indicators"] = "\n".join(map(spell, chart.indicators))
    return fields


def _chart(fields: Fields, row: int) -> Iterator[dict[str, Any]]:
    timeframe, bars, indicators = (
        fields.get(f"charts.{row}.{name}", "").strip() for name in _CHART
    )
    if timeframe:
        chart: dict[str, Any] = {"timeframe": timeframe}
        if bars:
            chart["bars"] = int(bars) if _WHOLE.fullmatch(bars) else bars
        yield {**chart, "indicators": [read_spelling(each) for each in _split(indicators)]}


def _stop_fields(stop: Any) -> dict[str, str]:
    beginning = {"multiple": "2", "fraction": "0.05", "label": "atr_14"}
    chosen = {name: _text(value) for name, value in stop.model_dump().items()}
    return {f"signal.stop.{name}": text for name, text in (beginning | chosen).items()}


def _stop(fields: Fields) -> dict[str, Any]:
    kind = fields.get("signal.stop.kind", "atr")
    stop: dict[str, Any] = {"kind": kind}
    for field in stops().get(kind, ()):
        if field.path in fields:
            stop[field.path.rpartition(".")[2]] = _value(field, fields[field.path])
    return stop


def _target_fields(targets: Any) -> dict[str, str]:
    if isinstance(targets, ViewTargets):
        return {"signal.targets.kind": "view", "signal.targets": "1.5, 3"}
    texts = ", ".join(map(_text, targets))
    return {"signal.targets.kind": "multiples", "signal.targets": texts}


def _targets(fields: Fields) -> Any:
    if fields.get("signal.targets.kind") == "view":
        return {"kind": "view"}
    return [_number(each) for each in _split(fields.get("signal.targets", ""))]
