"""Executions whose analyst is a model, asked through the real client over loopback HTTP."""

import json
from decimal import Decimal

import pytest

from backend.core.database import transaction
from backend.core.settings import settings
from backend.executions.models import AiDay, AiReservation, AnswerRow, RecordStatus
from backend.workflow.outcome import Outcome
from tests.support import openai_server
from tests.support.live_engine import FRIDAY, Engine, definition
from tests.support.model_engine import fitting_opinion
from tests.support.openai_server import OpenAIServer, Part, opinion, says

BY_VIEW = definition(signal={"source": "view", "min_confidence": 0.4})


def test_a_view_of_the_model_becomes_a_signal_and_its_cost_is_counted(
    model_engine: Engine, server: OpenAIServer
) -> None:
    server.default = fitting_opinion
    execution, records = model_engine.run(BY_VIEW)
    assert (execution.outcome, execution.signal_action) == (Outcome.OBSERVED, "BUY")
    assert execution.tokens == 1_200
    assert execution.cost_usd == Decimal("0.00065")
    analyzed = records[7].output or {}
    [talk] = analyzed["conversations"]
    assert (talk["analyst"], talk["is_rule_based"]) == ("openai", False)
    assert talk["model"] == "gpt-5-mini-2025-08-07"
    assert (talk["input_tokens"], talk["output_tokens"]) == (1_000, 200)
    assert (records[7].tokens, records[7].cost_usd) == (1_200, Decimal("0.00065"))


def test_prompt_and_raw_answer_are_kept_word_for_word(
    model_engine: Engine, server: OpenAIServer
) -> None:
    server.default = fitting_opinion
    _, records = model_engine.run(BY_VIEW)
    [talk] = (records[7].output or {})["conversations"]
    kept = json.loads(model_engine.tools.storage.get(talk["text"]["sha256"]))
    system, user = server.requests[0].body["messages"]
    assert (kept["system"], kept["prompt"]) == (system["content"], user["content"])
    assert json.loads(kept["answer"]["raw"][0])["direction"] == "long"


def test_what_was_used_is_settled_and_no_reservation_stays(
    model_engine: Engine, server: OpenAIServer
) -> None:
    model_engine.run(BY_VIEW)
    with transaction() as session:
        assert session.query(AiReservation).count() == 0
        day = session.get_one(AiDay, FRIDAY.date())
        assert (day.tokens, day.cost_usd) == (1_200, Decimal("0.00065"))


def test_a_live_execution_keeps_the_answer_but_never_answers_from_the_cache(
    model_engine: Engine, server: OpenAIServer
) -> None:
    strategy = model_engine.save(BY_VIEW)
    for _ in range(2):
        model_engine.executor.run(model_engine.start(strategy)[0])
        model_engine.advance(minutes=1)
    assert len(server.requests) == 2
    with transaction() as session:
        assert session.query(AnswerRow).count() >= 1


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([openai_server.STALL] * 3, "timeout"),
        ([openai_server.rate_limited()] * 4, "rate_limited"),
        ([openai_server.refusal()], "refused"),
        ([openai_server.truncated()], "truncated"),
        ([says("I would buy.")] * 3, "invalid_answer"),
        ([openai_server.impossible()] * 3, "invalid_answer"),
        ([openai_server.error(401, "Incorrect API key provided: wrong.")], "outside_error"),
        ([openai_server.web_page()] * 4, "outside_error"),
    ],
    ids=[
        "time-out",
        "429",
        "refusal",
        "cut off",
        "no JSON",
        "stop above entry",
        "wrong key",
        "a page for JSON",
    ],
)
def test_a_model_that_gives_no_opinion_fails_the_execution_without_a_signal(
    model_engine: Engine, server: OpenAIServer, script: list[Part], code: str
) -> None:
    server.script = list(script)
    execution, records = model_engine.run(BY_VIEW)
    assert (execution.outcome, execution.reason_code) == (Outcome.FAILED, code)
    assert execution.signal_action is None
    assert len(records) == 13
    analyzed, signal = records[7], records[9]
    assert (analyzed.reason_code, signal.status) == (code, RecordStatus.SKIPPED)
    [talk] = (analyzed.output or {})["conversations"]
    assert talk["reason_code"] == code


def test_an_answer_that_was_repaired_counts_both_tries(
    model_engine: Engine, server: OpenAIServer
) -> None:
    server.script = [openai_server.impossible()]
    execution, records = model_engine.run(BY_VIEW)
    assert execution.outcome is Outcome.HELD
    assert (records[7].output or {})["conversations"][0]["attempts"] == 2
    assert execution.tokens == 2_400


def test_numbers_that_the_data_contradicts_block_the_signal(
    model_engine: Engine, server: OpenAIServer
) -> None:
    server.default = says(opinion(entry=100_000.0, stop=97_000.0, targets=[150_000.0]))
    execution, records = model_engine.run(BY_VIEW)
    assert execution.outcome is Outcome.HELD
    assert (records[9].output or {})["claim_check"] is not None
    assert (records[10].status, records[10].output) == (RecordStatus.SKIPPED, None)


def test_a_budget_that_is_spent_skips_the_execution_before_anything_is_asked(
    model_engine: Engine, server: OpenAIServer
) -> None:
    with transaction() as session:
        session.add(AiDay(day=FRIDAY.date(), tokens=settings().ai_daily_tokens, cost_usd=0))
    execution, records = model_engine.run(BY_VIEW)
    assert (execution.outcome, execution.reason_code) == (Outcome.SKIPPED, "budget")
    assert records[0].status is RecordStatus.ENDED
    assert server.requests == []


def test_a_spent_budget_does_not_stop_a_strategy_that_asks_no_model(model_engine: Engine) -> None:
    with transaction() as session:
        session.add(AiDay(day=FRIDAY.date(), tokens=settings().ai_daily_tokens, cost_usd=0))
    execution, _ = model_engine.run()
    assert execution.outcome is Outcome.OBSERVED


def test_a_budget_that_does_not_cover_the_call_fails_without_asking(
    model_engine: Engine, server: OpenAIServer
) -> None:
    with transaction() as session:
        session.add(AiDay(day=FRIDAY.date(), tokens=settings().ai_daily_tokens - 1, cost_usd=0))
    execution, _ = model_engine.run(BY_VIEW)
    assert (execution.outcome, execution.reason_code) == (Outcome.FAILED, "budget")
    assert server.requests == []
