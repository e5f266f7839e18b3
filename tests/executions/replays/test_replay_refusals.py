"""What a replay cannot do is refused before anything is written, with the field and the mend."""

from typing import Any

import pytest
from sqlalchemy import func, select

from backend.core.database import transaction
from backend.core.errors import AppError, Conflict, NotFound
from backend.executions.models import Execution, LineageRecord
from backend.executions.replays.changes import FIXED, SEEN_FIRST_BY, Change, place_of
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import PromptVersion
from backend.workflow.outcome import Outcome
from backend.workflow.plan import live_plan
from tests.executions.replays.test_forks import with_text
from tests.executions.replays.test_replay_facts import run, start, watching
from tests.support.live_engine import Engine, definition

REFUSED: list[tuple[dict[str, Any], str | None, str, str]] = [
    ({"signal.long_wen": "close > 0"}, None, "signal.long_wen", "Did you mean 'long_when'"),
    ({"charts.7.bars": 50}, None, "charts.7.bars", "Known there: 0, 1"),
    ({"signal.long_when.deeper": 1}, None, "signal.long_when.deeper", "Nothing lies deeper"),
    ({"signal.long_when": "close >"}, None, "signal.long_when", "long_when"),
    ({"signal.long_when": "close > sma_51"}, None, "signal.long_when", "sma_50"),
    ({"signal.min_confidence": 7}, None, "signal.min_confidence", "less than or equal to 1"),
    ({"charts.0.indicators": ["smaa_20"]}, None, "charts.0.indicators.0", "sma"),
    ({"symbols": ["MSFT"]}, None, "symbols", "Run the strategy for it"),
    ({"schedule.when": "0 12 * * *"}, None, "schedule.when", "at the recorded moment"),
    ({"account": "DU2"}, None, "account", "was not read"),
    ({"name": "Other"}, None, "name", "no step reads it"),
    ({"analysis.prompt_label": "trial"}, None, "analysis.prompt_label", "prompts.chart=2"),
    ({"charts.0.timeframe": "1h"}, None, "charts.0.timeframe", "only 1d, 1w"),
    ({"charts.0.bars": 900}, None, "charts.0", "are on record. Set charts.0.bars to 2"),
    (
        {
            "charts.0.bars": 30,
            "charts.0.indicators": ["sma_20", "sma_50", "rsi_14", "atr_14", "ema_290"],
        },
        None,
        "charts.0",
        "Choose indicators that warm up faster",
    ),
    ({"analysis.model": "gpt-5-mimi"}, None, "analysis.model", "Did you mean 'gpt-5-mini'"),
    ({"analysis.model": "gpt-5-mini"}, None, "analysis.model", "without OPENAI_API_KEY"),
    ({"analysis.prompts.chart": "chrt"}, None, "analysis.prompts.chart", "Did you mean 'chart'"),
    ({"prompts.chart": 9}, None, "prompts.chart", "it has 1"),
    ({"prompts.chart": "one"}, None, "prompts.chart", "it has 1"),
    ({"prompts.charts": 1}, None, "prompts.charts", "Did you mean 'chart'"),
    ({"risk.max_quantity": 1}, "place_orders", "from_step", "no replay begins at"),
    ({}, "form_veiw", "from_step", "Did you mean 'form_view'"),
    ({"signal.long_when": "close > 0"}, "form_view", "from_step", "Replay from compute_indicators"),
]


@pytest.mark.parametrize(
    ("settings", "first", "field", "sentence"), REFUSED, ids=[str(each[2:]) for each in REFUSED]
)
def test_a_change_that_cannot_be_is_refused_with_the_field_and_the_mend(
    engine: Engine, settings: dict[str, Any], first: str | None, field: str, sentence: str
) -> None:
    source, _ = engine.run(watching())
    with pytest.raises(AppError) as refused:
        start(engine, source.id, first, settings=settings)
    assert (refused.value.status_code, refused.value.field) == (422, field)
    assert sentence in refused.value.message
    assert written() == (1, 13, 3)


def written() -> tuple[int, ...]:
    """Executions, records, versions of prompts."""
    with transaction() as session:
        return tuple(
            session.scalar(select(func.count()).select_from(table)) or 0
            for table in (Execution, LineageRecord, PromptVersion)
        )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{ closee }}", "no variable 'closee'. Did you mean"),
        ("{% for x in %}", "Line 1"),
        ("  ", "The prompt is empty"),
        ("{{ ''.__class__ }}", "prompt"),
        ("x" * 30_000, "longer than 20,000"),
    ],
    ids=["unknown name", "no template", "empty", "a way out", "long"],
)
def test_a_text_that_is_no_prompt_is_refused(engine: Engine, text: str, sentence: str) -> None:
    source, _ = engine.run(watching())
    with pytest.raises(AppError) as refused:
        with_text(engine, source.id, chart=text)
    assert refused.value.field == "prompts.chart"
    assert sentence in refused.value.message
    assert written() == (1, 13, 3)


def test_a_prompt_that_nobody_is_asked_with_is_refused(engine: Engine) -> None:
    by_rules, _ = engine.run()
    by_one, _ = engine.run(
        definition(name="One chart", signal={"source": "view", "min_confidence": 0.1})
    )
    with pytest.raises(AppError, match=r"decides by its rules alone; change signal.source"):
        with_text(engine, by_rules.id, chart="Judge {{ symbol }}.")
    with pytest.raises(AppError, match=r"its opinion is the view; change the chart prompt"):
        with_text(engine, by_one.id, view="Judge {{ symbol }}.")


def test_a_replay_behind_the_step_that_ended_its_source_is_refused(engine: Engine) -> None:
    source, _ = engine.run(definition(signal__long_when="close < 0"))
    with pytest.raises(AppError, match=r"step generate_signal ended execution 1 \(rules_silent\)"):
        start(engine, source.id, "size_and_check_risk")


def test_a_change_that_comes_behind_the_end_is_refused_with_what_else_to_change(
    engine: Engine,
) -> None:
    source, _ = engine.run(definition(signal__long_when="close < 0"))
    with pytest.raises(AppError, match="Change what ended it too") as refused:
        start(engine, source.id, settings={"risk.max_quantity": 1})
    assert refused.value.field == "risk.max_quantity"
    both = {"risk.max_quantity": 1, "signal.long_when": "close > 0"}
    assert run(engine, source.id, settings=both)[0].outcome is Outcome.OBSERVED


def test_an_execution_under_way_is_refused_and_an_unknown_one_not_found(engine: Engine) -> None:
    waiting = engine.start(engine.save())[0]
    with pytest.raises(Conflict, match="still under way"):
        start(engine, waiting)
    with pytest.raises(NotFound):
        start(engine, 4711)


def test_every_setting_of_a_definition_is_either_mapped_to_a_step_or_refused() -> None:
    """A new setting has to say which step sees it first, or why no replay can change it."""
    spoken_of = {path.split(".")[0] for path in (*SEEN_FIRST_BY, *FIXED)} - {"prompts"}
    assert spoken_of == set(StrategyDefinition.model_fields)


def test_no_setting_is_mapped_to_a_step_behind_the_first_that_can_see_its_change() -> None:
    """Steps see settings as facts; what a later mapping leaves out has its reason here."""
    facts = {
        "charts": "chart_settings",
        "data": "data_limits",
        "risk": "risk_settings",
        "orders": "order_settings",
        "exits": "exit_settings",
        "analysis": "analysis_settings",
        "signal": "signal_settings",
    }
    blind = {
        # Reads how many bars to fetch: those of the record are kept, and have to be enough.
        ("charts", "fetch_bars"),
        # Reads whether a model is needed, to see whether the budget is spent.
        ("signal", "preflight"),
        # Reads whether to go on without pictures, which has an entry of its own.
        ("analysis", "render_charts"),
        # Reads the limit on the loss of the day, which the risk check asks about again.
        ("risk", "preflight"),
    }
    for setting, fact in facts.items():
        readers = [step.name for step in live_plan().steps if fact in step.input.model_fields]
        seeing = [step for step in readers if (setting, step) not in blind]
        steps = [step for path, step in SEEN_FIRST_BY.items() if path.split(".")[0] == setting]
        assert place_of(min(steps, key=place_of)) <= place_of(seeing[0]), setting


@pytest.mark.parametrize(
    ("path", "step"),
    [
        ("charts.1d.indicators.sma_20", "compute_indicators"),
        ("charts.1w.bars", "render_charts"),
        ("signal.stop.kind", "generate_signal"),
        ("analysis.prompts.view", "form_view"),
        ("analysis.prompts.chart", "analyze_charts"),
        ("analysis.temperature", "analyze_charts"),
        ("prompts.system", "analyze_charts"),
        ("prompts.view", "form_view"),
        ("risk.max_quantity", "size_and_check_risk"),
    ],
)
def test_a_change_knows_the_first_step_that_sees_it(path: str, step: str) -> None:
    assert Change(path=path, before=1, after=2).first_step == step
