"""Whole executions on real parts: paper gateway over HTTPS, Redis, PostgreSQL, files on disk."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from backend.charts import Renderer
from backend.core.database import transaction
from backend.core.hashing import sha256_hex
from backend.executions.models import ArtifactRow, LineageRecord, RecordStatus, Status
from backend.executions.replays import service as replay
from backend.executions.verify import verify
from backend.portfolio import equity, limits
from backend.strategies import service as strategies
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES
from tests.support.live_engine import Engine, definition, example, read

FINISHED, ENDED, SKIPPED, FAILED = (
    RecordStatus.FINISHED,
    RecordStatus.ENDED,
    RecordStatus.SKIPPED,
    RecordStatus.FAILED,
)


def by_step(records: list[LineageRecord]) -> dict[str, LineageRecord]:
    """One record per step, in order: an execution that ran through leaves exactly thirteen."""
    assert tuple(record.step for record in records) == STEP_NAMES
    assert [record.sequence for record in records] == list(range(13))
    return {record.step: record for record in records}


def assert_ended_at(records: list[LineageRecord], step: str, code: str) -> None:
    """Everything behind the step that ended it is skipped for that step's reason."""
    by_name = by_step(records)
    assert by_name[step].reason_code == code
    for name in STEP_NAMES[STEP_NAMES.index(step) + 1 :]:
        assert (by_name[name].status, by_name[name].reason_code) == (SKIPPED, code)
        assert (by_name[name].reason or "").startswith(f"Step {step} ended the execution: ")


def test_a_rule_that_holds_ends_observed_with_an_order_plan(engine: Engine) -> None:
    execution, records = engine.run()
    assert (execution.outcome, execution.reason_code) == (Outcome.OBSERVED, "observe_only")
    assert execution.signal_action == "BUY"
    assert (execution.status, execution.finished_at) == (Status.FINISHED, records[-1].recorded_at)
    assert (execution.lease_token, execution.lease_until, execution.current_step) == (None,) * 3
    assert_ended_at(records, "size_and_check_risk", "observe_only")
    found = by_step(records)["size_and_check_risk"].output
    assert found is not None
    plan, sizing = found["order_plan"], found["sizing"]
    assert plan["symbol"] == "AAPL"
    assert plan["side"] == "BUY"
    assert Decimal(plan["stop"]) < Decimal(plan["entry"]) < Decimal(plan["targets"][0]["price"])
    assert Decimal(plan["quantity"]) <= Decimal(sizing["quantity"])
    assert {verdict["verdict"] for verdict in found["risk_report"]["verdicts"]} == {"pass"}


@pytest.mark.parametrize(
    ("risk", "limited_by"),
    [
        ({"sizing": "quantity", "fixed_quantity": 12}, "quantity"),
        ({"sizing": "value", "fixed_value": 5_000}, "value"),
        ({"sizing": "volatility", "atr_multiple": 8}, "volatility"),
        ({"sizing": "quantity", "fixed_quantity": 100_000}, "risk"),
    ],
)
def test_every_way_to_size_comes_to_a_plan_of_that_size(
    engine: Engine, risk: dict[str, Any], limited_by: str
) -> None:
    _, records = engine.run(definition(risk=risk | {"max_share_of_equity": 1}))
    found = by_step(records)["size_and_check_risk"].output
    assert found is not None
    sizing, plan = found["sizing"], found["order_plan"]
    assert (sizing["method"], sizing["limited_by"]) == (risk["sizing"], limited_by)
    assert Decimal(sizing["quantity"]) == Decimal(plan["quantity"]) > 0
    assert Decimal(sizing["risk_taken"]) <= Decimal(sizing["risk_budget"])


def test_the_records_hold_what_each_step_saw(engine: Engine) -> None:
    _, records = engine.run()
    found = {name: record.output or {} for name, record in by_step(records).items()}
    assert found["preflight"]["is_simulated"] is True
    assert found["preflight"]["is_paper"] is True
    assert found["preflight"]["as_of"].startswith("2026-11-20T20:30:")
    assert found["resolve_contract"]["contract"]["exchange"] == "NASDAQ"
    bars = found["fetch_bars"]["snapshots"]["1d"]
    assert bars["count"] >= 60
    assert Decimal(found["snapshot_account"]["account_snapshot"]["equity"]) > 0
    assert found["compute_indicators"]["long_rule"]["verdict"] is True
    assert found["compute_indicators"]["last_by_name"]["close"] == bars["last_close"]
    assert found["generate_signal"]["signal"]["action"] == "BUY"


def test_the_last_bar_was_closed_when_the_decision_was_made(engine: Engine) -> None:
    _, records = engine.run()
    report = (by_step(records)["check_data"].output or {})["quality"]["1d"]
    assert report["is_closed_by_moment"] is True
    # Half an hour before Friday's close, Thursday's bar is the last that counts.
    assert report["last_close"].startswith("2026-11-19")


def test_rules_alone_ask_no_analyst_and_the_steps_say_so(engine: Engine) -> None:
    _, records = engine.run()
    for name in ("analyze_charts", "form_view"):
        record = by_step(records)[name]
        assert (record.status, record.reason_code) == (SKIPPED, "rules_only")
        assert record.reason == "The strategy decides by its rules alone."


def test_the_example_strategy_judges_both_timeframes_and_forms_one_view(engine: Engine) -> None:
    execution, records = engine.run(example())
    assert execution.outcome in (Outcome.HELD, Outcome.OBSERVED)
    found = {name: record.output or {} for name, record in by_step(records).items()}
    assert set(found["render_charts"]["charts"]) == {"1d", "1w"}
    assert [each["timeframe"] for each in found["analyze_charts"]["opinions"]] == ["1d", "1w"]
    talks = [*found["analyze_charts"]["conversations"], found["form_view"]["view_conversation"]]
    assert all(talk["is_rule_based"] and talk["analyst"] == "rule_based" for talk in talks)
    assert found["form_view"]["view"]["rationale"]
    texts = json.loads(engine.tools.storage.get(talks[0]["text"]["sha256"]))
    assert "AAPL" in texts["prompt"]
    assert texts["system"]
    assert texts["answer"]["opinion"]["direction"]


def test_without_a_renderer_the_figures_are_kept_and_the_record_says_why_there_is_no_picture(
    engine: Engine,
) -> None:
    _, records = engine.run()
    record = by_step(records)["render_charts"]
    assert (record.output or {})["charts"]["1d"]["png"] is None
    assert "CHARTS_PNG" in record.notes[0]["note"]
    figure = engine.tools.storage.get(record.artifacts[0]["sha256"])
    assert {"data", "layout"} <= set(json.loads(figure))


@pytest.fixture
def renderer() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


def test_with_a_renderer_the_picture_is_kept_under_its_own_hash(
    engine: Engine, renderer: Renderer
) -> None:
    _, records = engine.with_tools(renderer=renderer).run()
    charts = (by_step(records)["render_charts"].output or {})["charts"]
    picture = engine.tools.storage.get(charts["1d"]["png"]["sha256"])
    assert picture.startswith(b"\x89PNG\r\n")
    assert sha256_hex(picture) == charts["1d"]["png"]["sha256"]


def test_every_artifact_is_remembered_with_its_type_and_size(engine: Engine) -> None:
    _, records = engine.run()
    listed = [artifact for record in records for artifact in record.artifacts]
    assert len(listed) >= 4
    with transaction() as session:
        for artifact in listed:
            row = session.get_one(ArtifactRow, artifact["sha256"])
            assert (row.content_type, row.size) == (artifact["content_type"], artifact["size"])


def test_the_chain_of_a_finished_execution_is_intact(engine: Engine) -> None:
    execution, _ = engine.run(example())
    with transaction() as session:
        report = verify(session, engine.tools.storage, execution)
    assert report.is_intact, report.sentence
    assert (report.records, report.artifacts >= 10) == (13, True)


def test_a_rule_that_does_not_hold_ends_held(engine: Engine) -> None:
    execution, records = engine.run(definition(signal__long_when="close < 0"))
    assert (execution.outcome, execution.reason_code) == (Outcome.HELD, "rules_silent")
    assert execution.signal_action == "HOLD"
    assert_ended_at(records, "generate_signal", "rules_silent")


@pytest.mark.parametrize(
    ("changes", "step", "code"),
    [
        ({"data__min_bars": 9_999}, "check_data", "too_few_bars"),
        ({"risk__max_order_value": "1"}, "size_and_check_risk", "max_order_value"),
        ({"risk__max_quantity": "0.5"}, "size_and_check_risk", "max_quantity"),
        ({"risk__lot": "1000000"}, "size_and_check_risk", "zero_quantity"),
    ],
    ids=["too few bars", "order value", "quantity", "less than a lot"],
)
def test_a_limit_that_is_broken_ends_blocked(
    engine: Engine, changes: dict[str, Any], step: str, code: str
) -> None:
    execution, records = engine.run(definition(**changes))
    assert (execution.outcome, execution.reason_code) == (Outcome.BLOCKED, code)
    assert_ended_at(records, step, code)
    assert by_step(records)[step].output is not None, "what was measured is kept"


def test_the_daily_count_of_a_strategy_blocks_the_next_plan(engine: Engine) -> None:
    strategy = engine.save(definition(risk__max_orders_per_day=1))
    outcomes = []
    for _ in range(2):
        outcomes.append(engine.executor.run(engine.start(strategy)[0]))
        engine.advance(minutes=1)
    assert outcomes == [Outcome.OBSERVED, Outcome.BLOCKED]


@pytest.mark.parametrize(
    ("changes", "step", "code", "sentence"),
    [
        ({"symbols": ["APPL"]}, "resolve_contract", "unknown_symbol", "Did you mean 'AAPL'"),
        ({"account": "DU999"}, "preflight", "unknown_account", "no account 'DU999'; it has DU"),
    ],
    ids=["unknown symbol", "unknown account"],
)
def test_what_the_broker_does_not_know_ends_failed_with_the_remedy(
    engine: Engine, changes: dict[str, Any], step: str, code: str, sentence: str
) -> None:
    execution, records = engine.run(definition(**changes))
    assert (execution.outcome, execution.reason_code) == (Outcome.FAILED, code)
    assert sentence in (execution.reason or "")
    assert_ended_at(records, step, code)
    assert by_step(records)[step].status is FAILED


def test_a_gateway_that_fails_to_answer_parks_the_execution_and_invents_nothing(
    engine: Engine,
) -> None:
    engine.gateway.control.add_fault("error", "iserver/marketdata/history", status=500)
    execution, records = engine.run()
    assert (execution.status, execution.outcome) == (Status.PARKED, None)
    assert (records[-1].step, records[-1].status) == ("fetch_bars", RecordStatus.PARKED)
    assert (records[-1].output, records[-1].artifacts) == (None, [])


def test_a_quote_that_does_not_come_is_noted_and_the_last_close_stands_in(engine: Engine) -> None:
    engine.gateway.control.add_fault("error", "iserver/marketdata/snapshot", status=500)
    execution, records = engine.run()
    assert execution.outcome is Outcome.OBSERVED
    assert (by_step(records)["fetch_bars"].output or {})["quote"] is None
    assert "No quote" in by_step(records)["fetch_bars"].notes[0]["note"]


def test_a_due_time_that_is_served_too_late_is_skipped(engine: Engine) -> None:
    strategy = engine.save()
    execution_id = engine.start(strategy)[0]
    engine.advance(hours=2)
    assert engine.executor.run(execution_id) is Outcome.SKIPPED


def test_an_execution_runs_the_version_and_prompts_it_was_made_with(engine: Engine) -> None:
    strategy = engine.save()
    execution_id = engine.start(strategy)[0]
    with transaction() as session:
        strategies.update(
            session,
            engine.clock,
            strategies.get(session, strategy.id),
            document=definition(signal__long_when="close < 0"),
            author="test",
        )
    assert engine.executor.run(execution_id) is Outcome.OBSERVED


def test_an_execution_that_is_finished_is_not_run_again(engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    assert engine.executor.run(execution_id) is Outcome.OBSERVED
    assert engine.executor.run(execution_id) is None


def test_an_execution_that_does_not_exist_is_no_work(engine: Engine) -> None:
    assert engine.executor.run(4711) is None


def limit(engine: Engine, document: dict[str, Any], account: str = limits.EVERYTHING) -> None:
    with transaction() as session:
        limits.save(
            session,
            engine.clock,
            account=account,
            limits=limits.checked(document),
            actor="person:ann",
        )


def selected_account(engine: Engine) -> str:
    return next(each.id for each in engine.tools.broker.accounts() if each.is_selected)


def test_the_strictest_of_strategy_account_and_everything_decides_and_is_named(
    engine: Engine,
) -> None:
    limit(engine, {"max_quantity": 9})
    limit(engine, {"max_quantity": 4, "max_order_value": 1_000_000}, selected_account(engine))
    _, records = engine.run(definition(risk={"max_quantity": 6}))
    found = by_step(records)
    report = (found["size_and_check_risk"].output or {})["risk_report"]
    said = {each["rule"]: each for each in report["verdicts"]}
    assert (report["quantity"], report["reason_code"]) == ("4", "max_quantity")
    assert (said["max_quantity"]["level"], said["max_quantity"]["limit"]) == ("account", "4")
    assert (said["max_order_value"]["level"], said["max_order_value"]["verdict"]) == (
        "account",
        "pass",
    )
    assert said["max_share_of_equity"]["level"] == "strategy"
    in_force = (found["snapshot_account"].output or {})["limits_in_force"]
    assert in_force["everything"]["max_quantity"] == "9"


def test_a_limit_of_everything_refuses_and_a_replay_is_refused_by_the_same(engine: Engine) -> None:
    limit(engine, {"allowed_symbols": ["MSFT"], "max_drawdown": "0.5"})
    execution, _ = engine.run()
    assert (execution.outcome, execution.reason_code) == (Outcome.BLOCKED, "allowed_symbols")
    limit(engine, {})
    with transaction() as session:
        again = replay.start(session, engine.clock, execution.id, requested_by="test").id
    engine.executor.run(again)
    replayed, records = read(again)
    assert (replayed.outcome, replayed.reason_code) == (Outcome.BLOCKED, "allowed_symbols")
    verdicts = (by_step(records)["size_and_check_risk"].output or {})["risk_report"]["verdicts"]
    refused = {each["rule"]: each["level"] for each in verdicts if each["verdict"] == "refuse"}
    # Nobody had looked at the equity, so a limit on its fall could not be kept either.
    assert refused == {"allowed_symbols": "global", "max_drawdown": "global"}


def test_orders_of_all_strategies_count_against_the_account_and_only_own_ones_against_a_strategy(
    engine: Engine,
) -> None:
    engine.run(definition(name="One"))
    engine.run(definition(name="Two", symbols=["MSFT"]))
    limit(engine, {"max_orders_per_day": 2}, selected_account(engine))
    execution, records = engine.run(definition(name="Three", risk={"max_orders_per_day": 2}))
    assert (execution.outcome, execution.reason_code) == (Outcome.BLOCKED, "max_orders_per_day")
    proposal = (by_step(records)["size_and_check_risk"].output or {})["proposal"]
    today = {level: tally["today"] for level, tally in proposal["tallies"].items()}
    assert today == {"strategy": 0, "account": 2, "global": 2}
    limit(engine, {"max_orders_per_day": 3}, selected_account(engine))
    assert engine.run(definition(name="Four"))[0].outcome is Outcome.OBSERVED


def test_the_same_order_does_not_go_out_again_within_its_time(engine: Engine) -> None:
    strategy = engine.save(definition(risk={"no_repeat_minutes": 3, "max_orders_per_day": 9}))
    outcomes = []
    for _ in range(3):
        [execution_id] = engine.start(strategy)
        engine.executor.run(execution_id)
        execution, _ = read(execution_id)
        outcomes.append((execution.outcome, execution.reason_code))
        engine.advance(minutes=2)
    assert outcomes == [
        (Outcome.OBSERVED, "observe_only"),
        (Outcome.BLOCKED, "no_repeat_minutes"),
        (Outcome.OBSERVED, "observe_only"),
    ]


def test_limits_on_equity_go_by_what_was_seen_of_it(engine: Engine) -> None:
    limit(engine, {"max_drawdown": "0.5", "cooldown_minutes": 60, "max_leverage": 1})
    snapshot = engine.tools.broker.account_snapshot(selected_account(engine))
    higher = replace(snapshot, equity=snapshot.equity * 3)
    with transaction() as session:
        equity.record(session, snapshot, is_simulated=True)
    assert engine.run(definition(name="One"))[0].outcome is Outcome.OBSERVED
    with transaction() as session:
        equity.record(session, higher, is_simulated=True)
    execution, _ = engine.run(definition(name="Two"))
    assert (execution.outcome, execution.reason_code) == (Outcome.BLOCKED, "max_drawdown")
    assert "is 66.67% below its peak" in (execution.reason or "")
