from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from backend import indicators
from backend.core.errors import InvalidInput, UnknownName
from backend.indicators import IndicatorSpec, parse


@pytest.mark.parametrize(
    ("given", "name", "parameters", "label"),
    [
        ("sma_20", "sma", {"period": 20}, "sma_20"),
        (" SMA_20 ", "sma", {"period": 20}, "sma_20"),
        ("macd", "macd", {"fast": 12, "slow": 26, "signal": 9}, "macd"),
        ("macd_5_35_5", "macd", {"fast": 5, "slow": 35, "signal": 5}, "macd_5_35_5"),
        ("bollinger_20_2", "bollinger", {"period": 20, "deviations": 2.0}, "bollinger_20_2"),
        ("bollinger_20_2.5", "bollinger", {"period": 20, "deviations": 2.5}, "bollinger_20_2p5"),
        ("bollinger_20_2p5", "bollinger", {"period": 20, "deviations": 2.5}, "bollinger_20_2p5"),
        ("supertrend_10_3", "supertrend", {"period": 10, "multiplier": 3.0}, "supertrend_10_3"),
        ("linearreg_slope_9", "linearreg_slope", {"timeperiod": 9}, "linearreg_slope_9"),
        ("log10", "log10", {}, "log10"),
        (
            {"name": "macd", "parameters": {"slow": 30}},
            "macd",
            {"fast": 12, "slow": 30, "signal": 9},
            "macd_12_30",
        ),
        ({"name": "sma", "parameters": {"period": 20.0}}, "sma", {"period": 20}, "sma_20"),
        ({"name": "sma", "label": "trend"}, "sma", {"period": 20}, "trend"),
    ],
)
def test_a_text_or_an_object_becomes_a_whole_spec(
    given: Any, name: str, parameters: dict[str, float], label: str
) -> None:
    spec = parse(given)
    assert (spec.name, spec.parameters, spec.label) == (name, parameters, label)


@pytest.mark.parametrize(
    ("given", "field", "says"),
    [
        ("smaa_20", "name", "Did you mean 'sma'"),
        ("", "name", "Name the indicator"),
        (7, "name", "not 7"),
        ("sma_20_3", "parameters", "takes period, but 2 numbers"),
        ("sma_0", "parameters.period", "from 1 to 5000"),
        ("sma_5001", "parameters.period", "from 1 to 5000"),
        ("rsi_1", "parameters.period", "from 2 to 5000"),
        ("rsi_14.5", "parameters.period", "whole number"),
        ("cci_1", "parameters.timeperiod", "smallest that it takes is 2"),
        ("cci_6000", "parameters.timeperiod", "from 1 to 5000"),
        ("macd_26_12", "parameters.fast", "smaller than the slow"),
        ("ma_10_99", "parameters.matype", "TA-Lib refuses matype = 99"),
        ({"name": "sma", "parameters": {"perod": 3}}, "parameters.perod", "mean 'period'"),
        ({"name": "sma", "parameters": {"period": True}}, "parameters.period", "not True"),
        ({"name": "sma", "parameters": {"period": "9"}}, "parameters.period", "not '9'"),
        ({"name": "sma", "parameters": {"period": float("nan")}}, "parameters.period", "nan"),
        ({"name": "sma", "parameters": [20]}, "parameters", "an object of names"),
        ({"name": "sma", "lable": "x"}, "lable", "mean 'label'"),
        ({"name": "sma", "label": "2fast"}, "label", "cannot stand in a rule"),
        ({"name": "sma", "label": "close"}, "label", "cannot stand in a rule"),
        ({"parameters": {}}, "name", "Name the indicator"),
    ],
)
def test_a_mistake_names_its_field_and_the_remedy(given: Any, field: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        parse(given)
    assert caught.value.field == field


def test_an_unknown_name_is_told_apart_from_a_bad_value() -> None:
    with pytest.raises(UnknownName):
        parse("superternd_10_3")


class Document(BaseModel):
    indicators: list[IndicatorSpec]


def test_inside_a_larger_document_a_mistake_keeps_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        Document.model_validate({"indicators": ["sma_20", "rsi_1"]})
    (error,) = caught.value.errors()
    assert error["loc"] == ("indicators", 1)
    assert "from 2 to 5000" in error["msg"]


def test_a_document_accepts_texts_and_survives_a_round_trip_through_json() -> None:
    document = Document.model_validate(
        {"indicators": ["macd", "bollinger_20_2.5", {"name": "sma", "label": "trend"}]}
    )
    again = Document.model_validate_json(document.model_dump_json())
    assert again == document


@settings(max_examples=60)
@given(name=st.sampled_from(list(indicators.indicators)))
def test_a_label_given_back_as_text_means_the_same_indicator(name: str) -> None:
    defaults = indicators.indicators.get(name).parameters
    spec = parse({"name": name, "parameters": dict(defaults)})
    if "m" not in spec.label.removeprefix(name):
        assert parse(spec.label) == spec


def test_two_series_of_one_name_are_refused() -> None:
    specs = [parse("macd"), parse({"name": "ema", "label": "macd_signal"})]
    with pytest.raises(InvalidInput, match="macd_signal") as caught:
        indicators.series_names(specs)
    assert caught.value.code == "duplicate_label"


def test_series_are_called_what_traders_call_them() -> None:
    names = indicators.series_names(
        [
            parse("macd_12_26_9"),
            parse("bollinger_20_2"),
            parse("supertrend_10_3"),
            parse("stochastic"),
        ]
    )
    assert names == (
        "macd_12_26_9", "macd_12_26_9_signal", "macd_12_26_9_histogram",
        "bollinger_20_2", "bollinger_20_2_upper", "bollinger_20_2_lower",
        "supertrend_10_3", "supertrend_10_3_direction",
        "stochastic", "stochastic_d",
    )  # fmt: skip


def test_a_description_tells_a_chart_all_it_needs() -> None:
    rsi = indicators.describe(parse("rsi_14"))
    assert [(s.title, s.is_overlay, s.levels) for s in rsi] == [("RSI 14", False, (30.0, 70.0))]
    styles = [drawn.style for drawn in indicators.describe(parse("bollinger"))]
    assert styles == ["line", "upper", "lower"]
    histogram = indicators.describe(parse("macd"))[2]
    assert (histogram.title, histogram.style) == ("MACD 12, 26, 9 histogram", "histogram")
    assert indicators.describe(parse("donchian_20"))[0].is_overlay
