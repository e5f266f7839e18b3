"""How an indicator is written: `macd_12_26_9`, or an object; made whole and checked here."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from backend.core.errors import InvalidInput, UnknownName, did_you_mean
from backend.core.registry import Registry

if TYPE_CHECKING:
    from backend.indicators.base import Indicator, Number

LONGEST_PERIOD = 5_000
LABEL = re.compile(r"[a-z][a-z0-9_]*\Z")
RESERVED = frozenset(
    {"time", "open", "high", "low", "close", "volume", "and", "or", "not", "true", "false"}
)
_NUMBER = re.compile(r"-?\d+(?:[.p]\d+)?\Z")
_KEYS = ("name", "parameters", "label")


def complete(given: Any, registry: "Registry[Indicator]") -> dict[str, Any]:
    """
    `name`, every parameter in the indicator's order, and a label.

    Raises `UnknownName` or `InvalidInput` with the field at fault.
    """
    if isinstance(given, str):
        name, values = _split(given)
        indicator = _find(name, registry)
        parameters = _by_position(indicator, values)
    elif isinstance(given, Mapping):
        _refuse_other_keys(given)
        indicator = _find(given.get("name"), registry)
        parameters = _by_name(indicator, given.get("parameters"))
    else:
        raise InvalidInput(
            "An indicator is a text such as 'sma_20' or an object with a name and parameters,"
            f" not {_kind(given)}.",
            field="name",
        )
    label = "" if isinstance(given, str) else given.get("label", "")
    whole = {key: parameters.get(key, value) for key, value in indicator.parameters.items()}
    _check(indicator, whole)
    return {
        "name": indicator.name,
        "parameters": whole,
        "label": _checked_label(label or _label(indicator, parameters)),
    }


def texts(name: str, values: "Iterable[Number]") -> list[str]:
    """The name with none, one, two, ... of its numbers behind it."""
    found = [name]
    for value in values:
        # Plain digits: 1e-05 is no number of this language.
        number = f"{Decimal(repr(value)):f}"
        found.append(f"{found[-1]}_{number.removesuffix('.0')}")
    return found


def _split(text: str) -> tuple[str, list[str]]:
    """`macd_12_26_9` into `macd` and its numbers; the name keeps its own underscores."""
    words = text.strip().lower().split("_")
    cut = len(words)
    while cut > 1 and _NUMBER.match(words[cut - 1]):
        cut -= 1
    return "_".join(words[:cut]), [word.replace("p", ".") for word in words[cut:]]


def _find(name: Any, registry: "Registry[Indicator]") -> "Indicator":
    if not isinstance(name, str) or not name:
        raise InvalidInput("Name the indicator, for example 'sma' or 'macd'.", field="name")
    try:
        return registry.get(name.lower())
    except UnknownName as error:
        error.field = "name"
        raise


def _by_position(indicator: "Indicator", values: Sequence[str]) -> dict[str, "Number"]:
    names = list(indicator.parameters)
    if len(values) > len(names):
        raise InvalidInput(
            f"{indicator.name!r} takes {_takes(indicator)}, but {len(values)} numbers were given.",
            field="parameters",
        )
    return {
        name: _number(indicator, name, float(value))
        for name, value in zip(names, values, strict=False)
    }


def _by_name(indicator: "Indicator", given: Any) -> dict[str, "Number"]:
    if not isinstance(given, Mapping | None):
        raise InvalidInput(
            f"The parameters of {indicator.name!r} are an object of names and numbers,"
            f" not {_kind(given)}.",
            field="parameters",
        )
    for name in given or {}:
        if name not in indicator.parameters:
            hint = did_you_mean(str(name), indicator.parameters)
            raise UnknownName(
                f"{indicator.name!r} has no parameter {name!r}; it takes {_takes(indicator)}."
                f"{hint}",
                field=f"parameters.{name}",
            )
    return {name: _number(indicator, name, value) for name, value in (given or {}).items()}


def _number(indicator: "Indicator", name: str, value: Any) -> "Number":
    """Of the type that the parameter's default has."""
    field = f"parameters.{name}"
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidInput(
            f"{name} of {indicator.name!r} is a number, not {_kind(value)}.", field=field
        )
    if isinstance(indicator.parameters[name], float):
        return float(value)
    if value != int(value):
        raise InvalidInput(
            f"{name} of {indicator.name!r} is a whole number, not {value}.", field=field
        )
    return int(value)


def _check(indicator: "Indicator", parameters: Mapping[str, "Number"]) -> None:
    for name, value in parameters.items():
        lowest = _lowest(indicator, name)
        if not lowest <= value <= LONGEST_PERIOD:
            raise InvalidInput(
                f"{name} of {indicator.name!r} is {value}; choose a number"
                f" from {lowest} to {LONGEST_PERIOD}.",
                field=f"parameters.{name}",
            )
    if indicator.warm_up(**parameters) < 0:
        _blame(indicator, parameters)


def _lowest(indicator: "Indicator", name: str) -> "Number":
    is_whole = isinstance(indicator.parameters[name], int)
    return indicator.lowest.get(name, int(is_whole and "period" in name) or -LONGEST_PERIOD)


def _blame(indicator: "Indicator", parameters: Mapping[str, "Number"]) -> None:
    """TA-Lib does not say which parameter it refuses, nor why: try each one alone."""
    for name, value in parameters.items():
        if indicator.warm_up(**{**indicator.parameters, name: value}) < 0:
            fits = [n for n in range(10) if _accepts(indicator, name, n)]
            hint = f" The smallest that it takes is {fits[0]}." if fits else ""
            raise InvalidInput(
                f"TA-Lib refuses {name} = {value} for {indicator.name!r}.{hint}",
                field=f"parameters.{name}",
            )
    raise InvalidInput(
        f"TA-Lib refuses these parameters of {indicator.name!r} together.", field="parameters"
    )


def _accepts(indicator: "Indicator", name: str, value: int) -> bool:
    return indicator.warm_up(**{**indicator.parameters, name: value}) >= 0


def _label(indicator: "Indicator", given: Mapping[str, "Number"]) -> str:
    """The name and its numbers up to the last one that was given: `bollinger_20_2p5`."""
    names = list(indicator.parameters)
    last = max((names.index(name) for name in given), default=-1)
    values = [given.get(name, indicator.parameters[name]) for name in names[: last + 1]]
    return "_".join([indicator.name, *(_spelled(value) for value in values)])


def _spelled(value: "Number") -> str:
    return f"{value:g}".replace(".", "p").replace("-", "m")


def _checked_label(label: Any) -> str:
    if not isinstance(label, str) or not LABEL.match(label) or label in RESERVED:
        raise InvalidInput(
            f"The label {label!r} cannot stand in a rule. Use small letters, digits and"
            " underscores, beginning with a letter, and no word that rules already know.",
            field="label",
        )
    return label


def _refuse_other_keys(given: Mapping[Any, Any]) -> None:
    for key in given:
        if key not in _KEYS:
            raise InvalidInput(
                f"An indicator has no field {key!r}; it has name, parameters and label."
                f"{did_you_mean(str(key), _KEYS)}",
                field=str(key),
            )


def _takes(indicator: "Indicator") -> str:
    return ", ".join(indicator.parameters) or "no parameters"


def _kind(value: Any) -> str:
    return f"{value!r} ({type(value).__name__})"
