"""A definition as a form and as YAML: whatever it says, both say the same."""

from decimal import Decimal
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import InvalidInput
from backend.core.values import Timeframe
from backend.indicators import indicators, parse, read_spelling, series_names, spell
from backend.strategies import form, yaml_text
from backend.strategies.definition import StrategyDefinition, problems
from backend.strategies.fields import walk
from backend.trading.signal_settings import Stop, Targets
from backend.workflow.settings import ChartSettings, PromptLabel
from tests.support.live_engine import definition, example

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=40)
NAME = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S")), min_size=1)


def decimals(low: str, high: str, places: int = 6) -> st.SearchStrategy[Decimal]:
    return st.decimals(Decimal(low), Decimal(high), places=places, allow_nan=False)


def labelled(text: str) -> st.SearchStrategy[Any]:
    spec = parse(text)
    own = st.from_regex(r"[a-z][a-z0-9_]{2,8}", fullmatch=True).map(
        lambda label: {"name": spec.name, "parameters": spec.parameters, "label": "x" + label}
    )
    return st.just(text) | own


CHART = st.fixed_dictionaries(
    {
        "bars": st.integers(30, 1000),
        "indicators": st.lists(
            st.sampled_from(["sma_20", "bollinger_20_2p5", "macd_12_26_9", "cci", "supertrend"]),
            unique=True,
        )
        .flatmap(lambda names: st.tuples(*map(labelled, names)))
        .map(list),
    }
)


def with_frames(frames: list[Timeframe]) -> st.SearchStrategy[list[Any]]:
    return st.lists(CHART, min_size=len(frames), max_size=len(frames)).map(
        lambda charts: [
            {"timeframe": frame.value, **chart} for frame, chart in zip(frames, charts, strict=True)
        ]
    )


CHARTS = st.lists(st.sampled_from(list(Timeframe)), min_size=1, max_size=4, unique=True).flatmap(
    with_frames
)
STOP = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.just("atr"), "multiple": decimals("0.1", "20"), "label": st.just("atr_14")}
    ),
    st.fixed_dictionaries({"kind": st.just("percent"), "fraction": decimals("0.01", "0.5")}),
    st.just({"kind": "indicator", "label": "close"}),
    st.just({"kind": "view"}),
)
TARGETS = st.just({"kind": "view"}) | st.lists(
    decimals("1.5", "50"), min_size=1, max_size=5, unique=True
).map(sorted)
SYMBOLS = ["AAPL", "ON", "NO", "BRK B", "BF.B"]
MAYBE = st.none() | decimals("0.01", "999999")
DOCUMENTS = st.fixed_dictionaries(
    {
        "name": NAME.filter(lambda name: len(name) <= 100),
        "description": TEXT,
        "symbols": st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True),
        "account": st.sampled_from(["", "DU123", "true", "0x10", "1:30"]),
        "schedule": st.fixed_dictionaries(
            {
                "when": st.sampled_from(["30 minutes before NYSE close", "*/5 * * * *"]),
                "timezone": st.sampled_from(["UTC", "America/New_York"]),
                "missed": st.sampled_from(["skip", "run"]),
                "run_if_late_minutes": st.integers(1, 10_080),
            }
        ),
        "charts": CHARTS,
        "signal": st.fixed_dictionaries(
            {
                "source": st.sampled_from(["view", "either"]),
                "long_when": st.sampled_from(["", "close > 1", "close > 1\n  and volume > 0"]),
                "min_confidence": decimals("0", "1"),
                "minimum_reward_to_risk": decimals("0", "1.5"),
                "stop": STOP,
                "targets": TARGETS,
                "allow_short": st.booleans(),
            }
        ),
        "analysis": st.fixed_dictionaries(
            {
                "model": st.sampled_from(["", "gpt-5", "null"]),
                "temperature": st.none() | st.floats(0, 2),
                "send_charts": st.booleans(),
                "prompt_label": st.sampled_from(get_args(PromptLabel)),
            }
        ),
        "data": st.fixed_dictionaries({"max_missing_fraction": st.floats(0, 1)}),
        "risk": st.fixed_dictionaries(
            {
                "risk_per_trade": decimals("0.0001", "0.1"),
                "lot": MAYBE,
                "max_quantity": MAYBE,
                "sizing": st.sampled_from(["risk", "quantity", "value", "volatility"]),
                "fixed_quantity": decimals("0.01", "999999"),
                "fixed_value": decimals("0.01", "999999"),
                "atr_multiple": decimals("0.1", "20"),
                "allowed_symbols": st.lists(st.sampled_from(SYMBOLS), unique=True),
                "forbid_short": st.booleans(),
                "max_drawdown": st.none() | decimals("0.01", "1"),
                "no_repeat_minutes": st.none() | st.integers(1, 10_080),
            }
        ),
    }
)


@given(DOCUMENTS)
@settings(max_examples=30)
def test_what_goes_through_form_and_yaml_comes_back_as_the_same(document: dict[str, Any]) -> None:
    before = StrategyDefinition.model_validate(document)
    fields = form.to_fields(before)
    assert set(fields) == set(form.names())
    assert StrategyDefinition.model_validate(form.to_document(fields)) == before
    written = yaml_text.write(form.document_of(before))
    assert StrategyDefinition.model_validate(yaml_text.read(written)) == before


def test_every_field_of_a_definition_has_a_field_of_the_form() -> None:
    """One that is new to the definition, and of a shape that the form does not know, fails here."""
    shaped = {each.path for each in walk(StrategyDefinition) if each.kind == "other"}
    assert shaped == {"symbols", "charts", "signal.stop", "signal.targets"}
    plain = {each.path for each in walk(StrategyDefinition)} - shaped
    assert plain < set(form.names())
    assert set(ChartSettings.model_fields) == {"timeframe", "bars", "indicators"}
    assert len(get_args(get_args(Stop)[0])) == len(form.stops())
    assert len(get_args(get_args(Targets)[0])) == 2
    for fields in form.stops().values():
        assert {field.path for field in fields} <= set(form.names())


def test_every_indicator_can_be_spelled_and_read_again() -> None:
    for name in indicators:
        spec = parse(name)
        assert parse(read_spelling(spell(spec))) == spec
        renamed = parse({"name": name, "parameters": spec.parameters, "label": "mine"})
        assert spell(renamed).startswith("mine = ")
        assert parse(read_spelling(spell(renamed))) == renamed
        assert series_names([renamed])[0] == "mine"


def test_what_is_no_number_stays_for_the_check_to_name() -> None:
    fields = form.to_fields(StrategyDefinition.checked(definition()))
    wrong = {
        "risk.risk_per_trade": "a lot",
        "charts.0.bars": "many",
        "signal.expires_after_minutes": "1.5",
        "signal.targets": "1.5, far",
        "data.max_missing_fraction": "",
        "signal.stop.multiple": "two",
        "risk.denied_symbols": "AAPL, A/B",
    }
    found = problems(form.to_document(fields | wrong))
    assert {form.field_of(each.field) for each in found} == set(wrong)


def test_all_problems_are_told_at_once_each_at_its_field() -> None:
    document = example() | {
        "name": "",
        "symbols": ["AAPL", "aapl"],
        "mode": "trad",
        "schedule": {"when": "61 * * * *"},
        "risk": {"risk_per_trade": 2, "lott": 3},
    }
    document["charts"][1]["indicators"] = ["smaa_20"]
    document["signal"] |= {"long_when": "closs > 1", "short_when": "close >"}
    told = {each.field: each.message for each in problems(document)}
    assert set(told) == {
        *("name", "symbols", "mode", "schedule.when", "charts.1.indicators.0"),
        *("risk.risk_per_trade", "risk.lott"),
    }
    document["charts"][1]["indicators"] = []
    told = {each.field: each.message for each in problems(document)}
    assert "Did you mean 'close'" in told["signal.long_when"]
    assert "Column 8" in told["signal.short_when"]
    assert "Did you mean 'lot'" in told["risk.lott"]


def test_two_series_of_one_name_are_a_problem_of_their_chart() -> None:
    charts = [{"timeframe": "1d", "indicators": ["atr_14", "sma_20", "sma_20"]}]
    [problem] = problems(definition(charts=charts))
    assert problem.field == "charts.0.indicators"
    assert "another label" in problem.message


@pytest.mark.parametrize("path", ["", "charts", "charts.0.indicators.2", "risk.new", "signal.stop"])
def test_a_problem_is_always_shown_beside_some_field(path: str) -> None:
    assert form.field_of(path) in form.names()


def test_a_box_that_was_not_sent_is_not_ticked_and_other_fields_keep_their_defaults() -> None:
    document = form.to_document({"name": "x", "signal.allow_short": "on"})
    assert document["signal"]["allow_short"] is True
    assert document["analysis"] == {"send_charts": False, "go_on_without_charts": False}


BAD_YAML = [
    ("a: [1", "Line 1, column 6"),
    ("name: a\nname: b", "Line 2, column 1: 'name' stands here twice"),
    ("a: &x 1\nb: *x", "Line 1, column 4: anchors"),
    ("- " * 60, "nested deeper"),
    ("\ta: 1", "Line 1, column 1"),
    ("a: !!python/object/apply:os.system [ls]", "Line 1, column 4"),
    ("? [a]\n: 1", "a key is a plain word"),
    ("x" * 100_001, "longer than 100,000"),
    ("a: \x07", "no YAML"),
]


@pytest.mark.parametrize(("text", "said"), BAD_YAML, ids=[str(n) for n in range(len(BAD_YAML))])
def test_wrong_yaml_is_refused_with_line_and_column(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        yaml_text.read(text)
    assert said in raised.value.message


def test_yaml_reads_words_as_words_and_numbers_with_every_digit() -> None:
    read = yaml_text.read("symbols: [ON, NO, y]\nwhen: 1:30\nlot: 0.12345678901234567890\nn: 007")
    assert read["symbols"] == ["ON", "NO", "y"]
    assert read["when"] == "1:30"
    assert read["lot"] == Decimal("0.12345678901234567890")


def test_a_path_is_found_in_the_text() -> None:
    text = yaml_text.write(form.document_of(StrategyDefinition.checked(example())))
    lines = text.splitlines()
    for path, word in (("signal.stop.multiple", "multiple"), ("charts.1.bars", "bars: 150")):
        line, column = yaml_text.place(text, path) or (0, 0)
        assert lines[line - 1][column - 1 :].startswith(word)
    line, column = yaml_text.place(text, "charts.1.indicators.1") or (0, 0)
    assert lines[line - 1][column - 1 :].startswith("sma_20")
    assert yaml_text.place(text, "risk.nothing") == yaml_text.place(text, "risk")
    assert yaml_text.place("", "risk") is None
