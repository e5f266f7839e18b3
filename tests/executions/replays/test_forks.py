"""Replays with a change: what it says is changed, all else stays, and nothing goes out."""

import json
from typing import Any

import pytest
from sqlalchemy import select, text

from backend.core.database import transaction
from backend.core.errors import InvalidInput, OutsideError
from backend.core.hashing import canonical_json
from backend.executions.executor import StrategyExecutor
from backend.executions.models import AiDay, LineageRecord, RecordStatus, Status
from backend.executions.replays import service as replay
from backend.executions.replays.changes import Wanted
from backend.storage.filesystem import FilesystemStorage
from backend.strategies import prompts
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES, Plan, live_plan
from backend.workflow.steps.base import Step, StepData, Tools, Touches
from tests.executions.conftest import Watched, WorkerKilled, kill, let_lease_run_out
from tests.executions.replays.test_replay_facts import STEPS, facts, run, start, watching
from tests.support.live_engine import FRIDAY, Engine, definition, read
from tests.support.model_engine import fitting_opinion
from tests.support.openai_server import OpenAIServer, opinion, says

TWO_CHARTS = definition(
    charts=[
        {"timeframe": "1d", "bars": 60, "indicators": ["sma_20", "atr_14"]},
        {"timeframe": "1w", "bars": 60, "indicators": ["sma_20"]},
    ],
    signal={"source": "view", "min_confidence": 0.4},
)


def found(records: list[LineageRecord], step: str) -> dict[str, Any]:
    return {record.step: record.output or {} for record in records}[step]


def changed_steps(before: list[LineageRecord], after: list[LineageRecord]) -> list[str]:
    one, other = facts(before), facts(after)
    return [step for step in STEP_NAMES if one[step] != other[step]]


def template_of(kind: str) -> str:
    with transaction() as session:
        return prompts.get(session, kind).versions[0].template


def with_text(engine: Engine, source_id: int, **texts: str) -> int:
    with transaction() as session:
        wanted = Wanted(prompt_texts=texts)
        return replay.start(session, engine.clock, source_id, wanted, requested_by="person:ann").id


def test_an_untouched_replay_asks_the_model_nothing_and_costs_nothing(
    model_engine: Engine, server: OpenAIServer
) -> None:
    server.default = fitting_opinion
    source, before = model_engine.run(TWO_CHARTS)
    assert (len(server.requests), source.tokens) == (3, 3_600)
    for first in ("preflight", "analyze_charts", "form_view"):
        replayed, after = run(model_engine, source.id, first)
        assert facts(after) == facts(before)
        assert (replayed.tokens, float(replayed.cost_usd)) == (0, 0.0)
    assert len(server.requests) == 3
    with transaction() as session:
        assert session.get_one(AiDay, FRIDAY.date()).tokens == 3_600


def test_an_answer_from_the_record_is_marked_as_such(
    model_engine: Engine, server: OpenAIServer
) -> None:
    source, _ = model_engine.run(TWO_CHARTS)
    _, after = run(model_engine, source.id, "analyze_charts")
    asked = next(record for record in after if record.step == "analyze_charts")
    assert [line["note"] for line in asked.notes] == [
        f"Answered from the record of execution {source.id}: nothing was asked or paid."
    ] * 2


def test_one_changed_word_of_the_chart_prompt_asks_exactly_the_changed_questions(
    model_engine: Engine, server: OpenAIServer
) -> None:
    server.default = fitting_opinion
    source, before = model_engine.run(TWO_CHARTS)
    server.requests.clear()
    made = with_text(model_engine, source.id, chart=template_of("chart") + "Be bold.\n")
    model_engine.executor.run(made)
    replayed, after = read(made)
    assert replayed.replay_from == "analyze_charts"
    # Both charts are asked again; their opinions are the same, so the view is not.
    assert len(server.requests) == 2
    assert all("Be bold." in each.body["messages"][1]["content"] for each in server.requests)
    assert changed_steps(before, after) == ["analyze_charts"]
    assert found(after, "analyze_charts")["opinions"] == found(before, "analyze_charts")["opinions"]
    assert (replayed.tokens, replayed.outcome) == (2_400, source.outcome)


def test_a_changed_view_prompt_leaves_the_questions_before_it_alone(
    model_engine: Engine, server: OpenAIServer
) -> None:
    server.default = fitting_opinion
    source, before = model_engine.run(TWO_CHARTS)
    server.requests.clear()
    server.default = says(opinion(direction="neutral", entry=None, stop=None, targets=[]))
    made = with_text(model_engine, source.id, view=template_of("view") + "Doubt everything.\n")
    model_engine.executor.run(made)
    replayed, after = read(made)
    assert (replayed.replay_from, len(server.requests)) == ("form_view", 1)
    assert changed_steps(before, after)[0] == "form_view"
    assert (source.signal_action, replayed.signal_action) == ("BUY", "HOLD")


def test_a_new_text_is_a_version_that_runs_nowhere_else(
    model_engine: Engine, server: OpenAIServer
) -> None:
    source, _ = model_engine.run(TWO_CHARTS)
    made = with_text(model_engine, source.id, chart="Judge {{ symbol }}.")
    with transaction() as session:
        saved = prompts.get(session, "chart")
        assert [version.number for version in saved.versions] == [1, 2]
        assert saved.versions[1].created_by == "person:ann"
        assert prompts.labels(saved) == {"production": 1}
    assert read(made)[0].prompt_versions["chart"] == saved.versions[1].id
    later = model_engine.start(model_engine.save(TWO_CHARTS | {"name": "Later"}))[0]
    assert read(later)[0].prompt_versions["chart"] == saved.versions[0].id


def test_a_text_that_is_there_already_makes_no_version(
    model_engine: Engine, server: OpenAIServer
) -> None:
    source, _ = model_engine.run(TWO_CHARTS)
    text_of_version_1 = template_of("chart").replace("\n", "\r\n")
    made = with_text(model_engine, source.id, chart=text_of_version_1)
    assert read(made)[0].changes == {"version": 1, "asked": [], "definition": None}
    with transaction() as session:
        assert len(prompts.get(session, "chart").versions) == 1


def test_another_version_of_a_prompt_is_chosen_by_its_number(
    model_engine: Engine, server: OpenAIServer
) -> None:
    source, _ = model_engine.run(TWO_CHARTS)
    with transaction() as session:
        prompts.save(session, model_engine.clock, name="chart", template="Short.", author="ann")
    server.requests.clear()
    replayed, after = run(model_engine, source.id, settings={"prompts.chart": 2})
    assert server.requests[0].body["messages"][1]["content"] == "Short.\n"
    assert found(after, "analyze_charts")["conversations"][0]["prompt_version"] == 2
    assert (replayed.changes or {})["asked"] == [{"path": "prompts.chart", "before": 1, "after": 2}]


def test_another_model_is_asked_everything_again_and_its_cost_is_counted(
    model_engine: Engine, server: OpenAIServer, set_env: Any
) -> None:
    set_env(OPENAI_API_KEY="set")
    source, before = model_engine.run(TWO_CHARTS)
    server.requests.clear()
    replayed, after = run(model_engine, source.id, settings={"analysis.model": "gpt-5"})
    assert [each.body["model"] for each in server.requests] == ["gpt-5"] * 3
    assert replayed.cost_usd > source.cost_usd
    assert changed_steps(before, after)[0] == "analyze_charts"


def test_settings_that_name_another_model_today_change_nothing(
    model_engine: Engine, server: OpenAIServer, set_env: Any
) -> None:
    source, before = model_engine.run(TWO_CHARTS)
    server.requests.clear()
    set_env(OPENAI_MODEL="gpt-5")
    assert facts(run(model_engine, source.id, "analyze_charts")[1]) == facts(before)
    assert server.requests == []


def test_an_execution_judged_by_the_rules_is_replayed_by_them_when_a_key_is_set_today(
    engine: Engine, model_engine: Engine, server: OpenAIServer
) -> None:
    source, before = engine.run(TWO_CHARTS)
    assert facts(run(model_engine, source.id, "analyze_charts")[1]) == facts(before)
    with_text(engine, source.id, chart="Other.")
    assert server.requests == []


def test_a_spent_budget_stops_a_changed_question_and_no_unchanged_one(
    model_engine: Engine, server: OpenAIServer
) -> None:
    source, before = model_engine.run(TWO_CHARTS)
    with transaction() as session:
        session.execute(text("UPDATE ai_days SET tokens = 1000000000"))
    server.requests.clear()
    assert facts(run(model_engine, source.id)[1]) == facts(before)
    made = with_text(model_engine, source.id, chart="Other {{ symbol }}.")
    model_engine.executor.run(made)
    assert (read(made)[0].outcome, read(made)[0].reason_code) == (Outcome.FAILED, "budget")
    assert server.requests == []


FORKS: list[tuple[dict[str, Any], str]] = [
    ({"signal.long_when": "close < 0"}, "compute_indicators"),
    ({"signal.min_confidence": 0.99}, "generate_signal"),
    ({"signal.stop": {"kind": "percent", "fraction": 0.03}}, "generate_signal"),
    ({"signal.source": "rules"}, "analyze_charts"),
    (
        {
            "charts.0.indicators": ["supertrend_10_3", "sma_20", "sma_50", "atr_14", "rsi_7"],
            "signal.long_when": "close > sma_50 and rsi_7 < 99",
        },
        "compute_indicators",
    ),
    ({"analysis.send_charts": False}, "analyze_charts"),
    ({"data.min_bars": 2}, "check_data"),
    ({"risk.risk_per_trade": 0.001}, "size_and_check_risk"),
    ({"risk.max_quantity": 1, "signal.targets": [2, 4]}, "generate_signal"),
]


@pytest.mark.parametrize(("settings", "first"), FORKS, ids=[", ".join(each[0]) for each in FORKS])
def test_a_fork_finds_what_the_changed_strategy_finds_at_that_moment(
    engine: Engine, settings: dict[str, Any], first: str
) -> None:
    engine.run(watching() | {"name": "so that bars are cached"})
    source, before = engine.run(watching())
    forked, after = run(engine, source.id, settings=settings)
    assert forked.replay_from == first
    taken_over = STEP_NAMES[: STEP_NAMES.index(first)]
    assert not set(changed_steps(before, after)) & set(taken_over)
    document = (forked.changes or {})["definition"] | {"name": "The changed strategy"}
    lived, really = engine.run(document)
    assert (forked.outcome, forked.reason) == (lived.outcome, lived.reason)
    for step in STEP_NAMES[STEP_NAMES.index("compute_indicators") :]:
        assert without_cost_of_time(found(after, step)) == without_cost_of_time(
            found(really, step)
        ), step


def without_cost_of_time(output: dict[str, Any]) -> bytes:
    """What was found, without how long it took and what was so many seconds old by then."""
    talks = [*output.get("conversations", []), output.get("view_conversation") or {}]
    for talk in talks:
        for name in ("seconds", "text"):
            talk.pop(name, None)
    kept = {name: value for name, value in output.items() if name != "proposal"}
    verdicts = (kept.get("risk_report") or {}).get("verdicts", [])
    told = [(each["rule"], each["verdict"], each["limit"]) for each in verdicts]
    return canonical_json({**kept, "risk_report": told})


def test_a_fork_changes_only_what_it_says(engine: Engine) -> None:
    source, before = engine.run(watching())
    _, after = run(engine, source.id, settings={"risk.max_quantity": 1})
    assert changed_steps(before, after) == ["size_and_check_risk"]
    one, other = (found(each, "size_and_check_risk") for each in (before, after))
    assert one["sizing"] == other["sizing"]


def test_a_timeframe_may_be_left_out_and_the_order_changed(engine: Engine) -> None:
    source, before = engine.run(watching())
    charts = [dict(chart) for chart in reversed(watching()["charts"])]
    settings = {"charts": charts, "signal.long_when": "close > 0 and close@1d > 0"}
    _, after = run(engine, source.id, settings=settings)
    assert found(after, "compute_indicators")["long_rule"]["verdict"] is True
    only = {"charts": charts[:1], "signal.long_when": "close > 0"}
    forked, after = run(engine, source.id, settings=only)
    assert list(found(after, "render_charts")["charts"]) == ["1w"]
    assert forked.outcome is not Outcome.FAILED, forked.reason
    assert facts(before)["fetch_bars"] == facts(after)["fetch_bars"]


def test_a_replay_of_a_fork_keeps_its_changes(engine: Engine) -> None:
    source, _ = engine.run(watching())
    fork, forked = run(engine, source.id, settings={"risk.max_quantity": 1})
    again, after = run(engine, fork.id)
    assert facts(after) == facts(forked)
    assert (again.changes or {})["asked"] == []
    back, after = run(engine, fork.id, settings={"risk.max_quantity": None})
    assert facts(after) == facts(read(source.id)[1])
    assert (back.changes or {})["definition"] is None


def test_a_worker_that_dies_inside_a_replay_loses_only_that_attempt(
    model_engine: Engine, server: OpenAIServer, watched: Watched
) -> None:
    source, before = model_engine.run(TWO_CHARTS)
    server.requests.clear()
    made = with_text(model_engine, source.id, chart=template_of("chart") + "Be bold.\n")
    watched.before["form_view"] = kill
    with pytest.raises(WorkerKilled):
        watched.executor(model_engine).run(made)
    let_lease_run_out(made)
    watched.before.clear()
    model_engine.executor.run(made)
    replayed, after = read(made)
    lost = [record for record in after if record.status is RecordStatus.INTERRUPTED]
    assert [(record.step, record.attempt) for record in lost] == [("form_view", 1)]
    assert (replayed.outcome, len(server.requests)) == (source.outcome, 2)
    assert changed_steps(before, after) == ["analyze_charts"]


def test_an_answer_that_was_paid_for_and_lost_with_its_worker_is_not_paid_twice(
    model_engine: Engine, server: OpenAIServer, watched: Watched
) -> None:
    source, _ = model_engine.run(TWO_CHARTS)
    server.requests.clear()
    server.script = [says(opinion()), *[server.default] * 5]
    made = with_text(model_engine, source.id, chart=template_of("chart") + "Be bold.\n")
    asking = model_engine.tools.analyst.analyze

    class DiesAfterTheFirst:
        name, is_rule_based = "openai", False
        request_hash = staticmethod(model_engine.tools.analyst.request_hash)

        def analyze(self, request: Any) -> Any:
            if server.requests:
                raise WorkerKilled
            return asking(request)

    with pytest.raises(WorkerKilled):
        model_engine.with_tools(analyst=DiesAfterTheFirst()).executor.run(made)
    let_lease_run_out(made)
    model_engine.executor.run(made)
    charts = [each for each in server.requests if "Be bold." in str(each.body)]
    assert len(charts) == 2
    assert read(made)[0].status is Status.FINISHED


class Unreachable:
    """Counts what is asked of the broker and of the market, and answers nothing."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def ask(*_: Any, **__: Any) -> Any:
            self.asked.append(name)
            raise OutsideError("No.")

        return ask


def test_neither_broker_nor_market_is_asked_by_any_replay(engine: Engine) -> None:
    source, before = engine.run(watching())
    counting = Unreachable()
    cut_off = engine.with_tools(broker=counting, market=counting)
    for first in STEPS:
        assert facts(run(cut_off, source.id, first)[1]) == facts(before)
    assert counting.asked == []


def with_step(name: str, do: Any, touches: Touches) -> Plan:
    """The live plan up to the signal, and one other step behind it."""
    step = Step(name=name, input=StepData, output=StepData, touches=touches, run=do)
    behind = live_plan().after("generate_signal")
    goes_on = [each for each in live_plan().steps if each.name not in behind]
    return Plan(names=STEP_NAMES, steps=(*goes_on, step))


def test_a_step_that_touches_orders_is_recorded_as_skipped_and_never_run(engine: Engine) -> None:
    ran: list[str] = []

    def place(_: StepData, __: Tools) -> StepData:
        ran.append("place_orders")
        return StepData()

    source, _ = engine.run(watching())
    made = start(engine, source.id, "generate_signal")
    plan = with_step("place_orders", place, Touches.ORDERS)
    assert StrategyExecutor(engine.tools, plan).run(made) is Outcome.OBSERVED
    replayed, records = read(made)
    last = {record.step: record for record in records}
    assert (last["place_orders"].status, last["place_orders"].reason_code) == (
        RecordStatus.SKIPPED,
        "replay",
    )
    assert last["reconcile"].status is RecordStatus.SKIPPED
    assert (replayed.reason_code, ran) == ("replay", [])


def test_a_step_that_asks_the_broker_without_saying_so_fails_in_a_replay(engine: Engine) -> None:
    def ask(_: StepData, tools: Tools) -> StepData:
        tools.broker.account_snapshot("DU1")
        return StepData()

    source, _ = engine.run(watching())
    made = start(engine, source.id, "generate_signal")
    plan = with_step("place_orders", ask, Touches.NOTHING)
    assert StrategyExecutor(engine.tools, plan).run(made) is Outcome.FAILED
    assert read(made)[0].reason_code == "out_of_reach"


def test_a_recorded_answer_that_was_tampered_with_fails_the_replay(
    model_engine: Engine, server: OpenAIServer
) -> None:
    source, before = model_engine.run(TWO_CHARTS)
    [talk, _] = found(before, "analyze_charts")["conversations"]
    storage = model_engine.tools.storage
    assert isinstance(storage, FilesystemStorage)
    [path] = storage.root.rglob(talk["text"]["sha256"])
    path.chmod(0o600)
    path.write_bytes(json.dumps({"answer": {}}).encode())
    replayed, _ = run(model_engine, source.id, "analyze_charts")
    assert replayed.outcome is Outcome.FAILED
    assert len(server.requests) == 3


def test_what_was_never_recorded_ends_a_fork_honestly(engine: Engine) -> None:
    source, _ = engine.run(definition(data__min_bars=9_999))
    assert source.outcome is Outcome.BLOCKED
    forked, records = run(engine, source.id, settings={"data.min_bars": 1})
    assert (forked.outcome, forked.reason_code) == (Outcome.SKIPPED, "not_recorded")
    assert "never came to step snapshot_account" in (forked.reason or "")
    assert len(records) == 13


def test_a_failure_on_record_is_what_a_replay_meets_too(engine: Engine) -> None:
    source, before = engine.run(definition(symbols=["APPL"]))
    replayed, after = run(engine, source.id)
    assert (replayed.outcome, replayed.reason) == (source.outcome, source.reason)
    assert facts(after) == facts(before)


def test_a_parked_execution_is_replayed_from_what_is_on_record(engine: Engine) -> None:
    engine.gateway.control.add_fault("error", "iserver/marketdata/history", status=500)
    source, _ = engine.run()
    assert source.status is Status.PARKED
    with pytest.raises(InvalidInput, match="step fetch_bars of execution 1 is not on record"):
        start(engine, source.id, "fetch_bars")
    with pytest.raises(InvalidInput, match="never finished step fetch_bars"):
        start(engine, source.id, "check_data")
    replayed, _ = run(engine, source.id, "resolve_contract")
    assert replayed.reason_code == "not_recorded"


def test_a_record_in_an_older_shape_is_refused_by_name(engine: Engine) -> None:
    source, _ = engine.run()
    with transaction() as session:
        session.execute(
            text("UPDATE workflow_lineage SET output = output - 'account' WHERE step = 'preflight'")
        )
    with pytest.raises(InvalidInput, match="another shape \\(account: Field required\\)"):
        start(engine, source.id, "generate_signal")


def test_the_days_orders_are_counted_as_of_the_decision(engine: Engine) -> None:
    strategy = engine.save(definition(risk__max_orders_per_day=2))
    ids = []
    for _ in range(3):
        ids.append(engine.start(strategy)[0])
        engine.executor.run(ids[-1])
        engine.advance(minutes=1)
    assert [read(each)[0].outcome for each in ids] == [
        Outcome.OBSERVED,
        Outcome.OBSERVED,
        Outcome.BLOCKED,
    ]
    for each in ids:
        replayed, after = run(engine, each, "size_and_check_risk")
        assert facts(after) == facts(read(each)[1])
        assert facts(run(engine, replayed.id)[1]) == facts(read(each)[1])


def test_replays_do_not_count_as_orders_of_the_day(engine: Engine) -> None:
    strategy = engine.save(definition(risk__max_orders_per_day=2))
    first = engine.start(strategy)[0]
    engine.executor.run(first)
    for _ in range(3):
        assert run(engine, first)[0].outcome is Outcome.OBSERVED
    engine.advance(minutes=1)
    second = engine.start(strategy)[0]
    assert engine.executor.run(second) is Outcome.OBSERVED


def test_no_record_of_the_source_is_touched(engine: Engine) -> None:
    source, before = engine.run(watching())
    hashes = [record.hash for record in before]
    run(engine, source.id)
    with transaction() as session:
        query = select(LineageRecord.hash).where(LineageRecord.execution_id == source.id)
        assert list(session.scalars(query.order_by(LineageRecord.sequence))) == hashes
