"""What a person may write as a strategy; every refusal names the field and the mend."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.core.errors import AppError, InvalidInput
from backend.strategies import prompts, service
from backend.strategies.definition import StrategyDefinition, checked_schedule, schedule_of
from backend.strategies.models import Strategy, StrategyVersion
from tests.support.live_engine import FRIDAY, definition, example


def refusal(document: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        StrategyDefinition.checked(document)
    return raised.value


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in definition().items() if key != name}


def test_the_smallest_definition_and_the_example_are_accepted() -> None:
    assert StrategyDefinition.checked(definition()).symbols == ["AAPL"]
    assert [chart.timeframe for chart in StrategyDefinition.checked(example()).charts] == [
        "1d",
        "1w",
    ]


def test_what_is_stored_is_read_back_as_the_same() -> None:
    checked = StrategyDefinition.checked(example())
    assert StrategyDefinition.stored(checked.model_dump(mode="json")) == checked


def test_symbols_are_written_as_exchanges_do() -> None:
    checked = StrategyDefinition.checked(definition(symbols=[" aapl ", "brk b"]))
    assert checked.symbols == ["AAPL", "BRK B"]


BAD = [
    # (document, field, what the sentence says)
    (definition(schedule__when="61 * * * *"), "schedule", "61"),
    (definition(schedule__when="0 0 30 2 *"), "schedule", "never fires"),
    (definition(schedule__when="soon"), "schedule", "when"),
    (definition(schedule={"when": "0 9 * * *", "timezone": "New_York"}), "schedule", "New_York"),
    (
        definition(schedule={"when": "0 9 * * *", "timezone": "America/New_Yrok"}),
        "schedule",
        "Did you mean 'America/New_York'",
    ),
    (definition(schedule={"when": "0 9 * * *", "exchange": "NYES"}), "schedule", "Did you mean"),
    (definition(schedule__when="30 minutes before NYES close"), "schedule", "Did you mean"),
    (definition(signal__long_when="close >"), "signal.long_when", "Column 8"),
    (definition(risk__sizing="quantity"), "risk.fixed_quantity", "write the shares per trade"),
    (definition(risk__sizing="value"), "risk.fixed_value", "write the worth of a trade"),
    (
        definition(risk={"sizing": "volatility", "atr_label": "atr_15"}),
        "risk.atr_label",
        "Did you mean 'atr_14'",
    ),
    (definition(risk__fixed_quantity=0), "risk.fixed_quantity", "greater than 0"),
    (definition(risk__sizing="random"), "risk.sizing", "'risk', 'quantity', 'value'"),
    (definition(signal__long_when="closse > 1"), "signal.long_when", "Did you mean 'close'"),
    (definition(signal__long_when="sma_50 > 1"), "signal.long_when", "sma_"),
    (definition(signal__long_when="close"), "signal.long_when", "is a condition"),
    (
        definition(signal__stop={"kind": "atr", "label": "atr_20"}),
        "signal.stop.label",
        "Add the indicator",
    ),
    (definition(signal={"source": "rules"}), "signal", "needs a rule"),
    (
        definition(charts=[{"timeframe": "1d", "indicators": ["smaa_20"]}]),
        "charts.0.indicators.0",
        "Did you mean 'sma'",
    ),
    (definition(charts=[{"timeframe": "1d", "indicators": ["sma_0"]}]), "charts.0", "sma"),
    (definition(charts=[{"timeframe": "1y"}]), "charts.0.timeframe", "1w"),
    (definition(charts=[{"timeframe": "1d"}, {"timeframe": "1d"}]), None, "each timeframe once"),
    (definition(charts=[{"timeframe": "1d", "bars": 5}]), "charts.0.bars", "30"),
    (definition(charts=[{"timeframe": "1d", "bars": 10**30}]), "charts.0.bars", "1000"),
    (definition(charts=[]), "charts", "at least 1"),
    (definition(risk__risk_per_trade=2), "risk.risk_per_trade", "less than"),
    (definition(risk__risk_per_trade=-0.1), "risk.risk_per_trade", "greater than"),
    (definition(risk__risk_per_trade="a lot"), "risk.risk_per_trade", "decimal"),
    (definition(risk__max_orders_per_day=-1), "risk.max_orders_per_day", "greater than"),
    (definition(risk__max_quantity="NaN"), "risk.max_quantity", "finite"),
    (definition(risk__max_qty=5), "risk.max_qty", "Extra"),
    (definition(symbols=[]), "symbols", "at least 1"),
    (definition(symbols="AAPL"), "symbols", "list"),
    (definition(symbols=["AAPL", "aapl"]), "symbols", "once"),
    (definition(symbols=["<script>"]), "symbols", "no symbol"),
    (definition(symbols=["A" * 21]), "symbols", "no symbol"),
    (definition(symbols=["AA\0PL"]), "symbols", "no symbol"),
    (definition(orders={"outside_rth": True, "order_type": "MKT"}), "orders.outside_rth", "LMT"),
    (definition(orders={"tif": "IOC"}), "orders.tif", "OPG"),
    (definition(orders={"allow_questions": ["all"]}), "orders.allow_questions.0", "pattern"),
    (definition(mode="yolo"), "mode", "observe"),
    (definition(name=""), "name", "at least 1"),
    (definition(name="x" * 101), "name", "at most 100"),
    (definition(name=5), "name", "string"),
    (definition(version=2), "version", "1"),
    (definition(unknown="field"), "unknown", "Extra"),
    (definition(analysis__temperature=3), "analysis.temperature", "2"),
    (definition(data__min_bars=0), "data.min_bars", "1"),
    (definition(orders__tif="IOC"), "orders.tif", "GTC"),
    (
        definition(exits={"time_stop_bars": 3, "time_stop_minutes": 3}),
        "exits.time_stop_bars",
        "bars",
    ),
    (
        definition(exits={"trailing": "atr", "trailing_label": "atr_15"}),
        "exits.trailing_label",
        "Did you mean 'atr_14'",
    ),
    (
        definition(exits={"trailing": "atr", "break_even_after_r": 1}),
        "exits.break_even_after_r",
        "off",
    ),
    (without("signal"), "signal", "required"),
    (without("schedule"), "schedule", "required"),
    ([], None, "dictionary"),
    ("name: AAPL", None, "dictionary"),
    (None, None, "dictionary"),
]


@pytest.mark.parametrize(("document", "field", "said"), BAD, ids=[str(n) for n in range(len(BAD))])
def test_what_could_not_run_is_refused_with_field_and_mend(
    document: Any, field: str | None, said: str
) -> None:
    error = refusal(document)
    assert said in error.message
    assert error.message.endswith((".", ")", "?"))
    if field is not None:
        assert (error.field or "").startswith(field)
        assert field.rpartition(".")[2] in error.message


def test_how_many_more_faults_there_are_is_told() -> None:
    error = refusal(definition(name=5, symbols=5, charts=5))
    assert error.message.endswith("(and 2 more)")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from([*definition(), "when", "timeframe", "kind"]), inner, max_size=5
            )
        ),
        max_leaves=10,
    )
)
def test_no_json_at_all_gets_past_with_anything_but_an_answer(document: Any) -> None:
    try:
        StrategyDefinition.checked(document)
    except InvalidInput as error:
        assert error.message  # noqa: PT017


@given(st.sampled_from(sorted(example())), st.none() | st.integers() | st.floats() | st.text())
def test_any_wrong_value_in_any_field_gets_an_answer(name: str, value: Any) -> None:
    try:
        StrategyDefinition.checked({**example(), name: value})
    except InvalidInput as error:
        assert error.message  # noqa: PT017


def test_rules_may_use_every_timeframe_and_the_primary_one_without_saying_so() -> None:
    names = StrategyDefinition.checked(example()).rule_names()
    assert {"close", "sma_20", "close@1w", "sma_20@1w", "sma_20@1d"} <= set(names)
    assert "close@1h" not in names


def test_a_schedule_alone_is_checked_like_one_inside_a_strategy() -> None:
    with pytest.raises(InvalidInput, match="timezone"):
        checked_schedule({"when": "0 9 * * *", "timezone": "Mars"})
    with pytest.raises(InvalidInput, match="dictionary"):
        checked_schedule(["0 9 * * *"])


def test_the_dispatcher_reads_the_same_schedule_as_everybody_else() -> None:
    checked = StrategyDefinition.checked(example())
    assert schedule_of(checked.model_dump(mode="json")) == checked.schedule


@pytest.mark.parametrize(
    "document",
    [
        definition(signal__long_when="closse > 1"),
        definition(analysis={"prompts": {"chart": "charts"}}),
        definition(analysis={"prompts": {"chart": "view"}}),
        definition(name="Taken"),
    ],
    ids=["bad rule", "unknown prompt", "prompt of another kind", "name in use"],
)
def test_nothing_is_half_written_when_a_strategy_is_refused(
    db: str, document: dict[str, Any]
) -> None:
    clock = ManualClock(FRIDAY)
    with transaction() as session:
        prompts.add_defaults(session, clock)
        service.create(session, clock, document=definition(name="Taken"), author="test")
    with pytest.raises(AppError):
        save(document)
    with transaction() as session:
        assert session.query(Strategy).count() == 1
        assert session.query(StrategyVersion).count() == 1


def save(document: dict[str, Any]) -> None:
    with transaction() as session:
        service.create(session, ManualClock(FRIDAY), document=document, author="test")
