from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from backend.core.errors import InvalidInput
from backend.trading.rules import Rule
from backend.trading.signal_settings import SignalSettings

RULE = {"long_when": "close > sma_20"}


@pytest.mark.parametrize(
    ("given", "field", "message"),
    [
        ({"min_confidence": "NaN"}, "min_confidence", "finite number"),
        ({"min_confidence": 1e30}, "min_confidence", "less than or equal to 1"),
        ({"min_confidence": True}, "min_confidence", "not true or false"),
        ({"source": "vote"}, "source", "'rules', 'view', 'agree'"),
        ({"colour": 1}, "colour", "not permitted"),
        ({"targets": [1, "x"]}, "targets.multiples.1", "valid decimal"),
        ({"targets": []}, "targets.multiples", "at least 1 item"),
        ({"targets": [2, -1]}, "targets.multiples.1", "greater than 0"),
        ({"targets": {"kind": "model"}}, "targets.view.kind", "'view'"),
        ({"targets": [3, 1.5]}, "", "write the nearest first"),
        ({"targets": [1]}, "", "no signal could ever pass"),
        ({"stop": {"kind": "atr", "multiple": -1}}, "stop.atr.multiple", "greater than 0"),
        ({"stop": {"kind": "percent"}}, "stop.percent.fraction", "required"),
        ({"stop": {"kind": "percent", "fraction": "inf"}}, "stop.percent.fraction", "finite"),
        ({"stop": {"kind": "trailing"}}, "stop", "'atr', 'percent', 'indicator', 'view'"),
        ({"expires_after_minutes": 0}, "expires_after_minutes", "greater than or equal to 1"),
        ({"expires_after_minutes": "60"}, "expires_after_minutes", "valid integer"),
        ({"allow_short": "yes"}, "allow_short", "valid boolean"),
        ({"long_when": "x" * 2_001}, "long_when", "at most 2000 characters"),
        ({"long_when": " "}, "", "write long_when or short_when"),
        ({"source": "rules", "stop": {"kind": "view"}}, "", "stop.kind 'view' needs a view"),
        ({"source": "rules", "targets": {"kind": "view"}}, "", "targets.kind 'view' needs a view"),
    ],
)
def test_bad_settings_are_refused_by_field(given: dict[str, Any], field: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SignalSettings.model_validate(RULE | given)
    (error,) = caught.value.errors()
    assert ".".join(map(str, error["loc"])) == field
    assert message in error["msg"]


def test_settings_survive_as_json() -> None:
    stop = {"kind": "indicator", "label": "supertrend_10_3"}
    for targets in ([1.5, 3], {"kind": "view"}):
        settings = SignalSettings.model_validate(RULE | {"stop": stop, "targets": targets})
        assert SignalSettings.model_validate_json(settings.model_dump_json()) == settings


def test_a_float_from_yaml_keeps_the_digits_that_were_written() -> None:
    settings = SignalSettings.model_validate(RULE | {"min_confidence": 0.55})
    assert settings.min_confidence == Decimal("0.55")


def test_rules_are_parsed_against_the_charts_and_empty_ones_left_out() -> None:
    settings = SignalSettings.model_validate(RULE)
    long_rule, short_rule = settings.rules(["close", "sma_20", "atr_14"])
    assert isinstance(long_rule, Rule)
    assert long_rule.names == ("close", "sma_20")
    assert short_rule is None


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"long_when": "close > sma_5"}, "long_when"),
        ({"short_when": "close >"}, "short_when"),
        ({"stop": {"kind": "atr", "label": "atr_15"}}, "stop.label"),
    ],
)
def test_what_the_charts_lack_is_refused_with_the_field_that_asks_for_it(
    given: dict[str, Any], field: str
) -> None:
    settings = SignalSettings.model_validate(RULE | given)
    with pytest.raises(InvalidInput) as caught:
        settings.rules(["close", "sma_20", "atr_14"])
    assert caught.value.field == field
