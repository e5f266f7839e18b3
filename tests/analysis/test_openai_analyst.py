"""The model's analyst against a real server, through the real client."""

import base64
import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import SecretStr

from backend.analysis.base import Answer, Direction, Usage
from backend.analysis.openai_protocol import client
from backend.analysis.schema import opinion_schema
from backend.core.errors import OutsideError
from tests.analysis.conftest import Bench, question
from tests.support import openai_server as model
from tests.support.openai_server import OpenAIServer

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def test_a_good_answer_is_an_opinion_with_everything_recorded(bench: Bench) -> None:
    bench.server.script = [model.says(model.opinion())]
    answer = bench.ask(temperature=0.2)
    assert answer.opinion is not None
    assert answer.opinion.direction is Direction.LONG
    assert (answer.refusal, answer.reason_code, answer.finish_reason) == (None, None, "stop")
    assert answer.model == "gpt-5-mini-2025-08-07"
    assert json.loads(answer.raw[0]) == model.opinion()
    assert answer.parameters["temperature"] == 0.2
    assert answer.seconds > 0
    assert [attempt.outcome for attempt in answer.attempts] == ["answered"]


def test_the_request_carries_schema_prompt_and_images(bench: Bench) -> None:
    bench.ask(images=(PNG, PNG), max_output_tokens=1234)
    body = bench.server.requests[0].body
    schema = body["response_format"]["json_schema"]
    text, *images = body["messages"][1]["content"]
    assert (schema["strict"], schema["schema"]) == (True, opinion_schema())
    assert body["messages"][0] == {"role": "system", "content": "You are an analyst."}
    assert text == {"type": "text", "text": "What do you see?"}
    urls = [image["image_url"]["url"] for image in images]
    assert [base64.b64decode(url.split(",")[1]) for url in urls] == [PNG, PNG]
    # A server other than OpenAI's own reads `max_tokens` only.
    assert (body["max_tokens"], "max_completion_tokens" in body) == (1234, False)
    assert "temperature" not in body


def test_cost_is_exact_and_replaces_what_was_reserved(bench: Bench) -> None:
    usage = {"prompt_tokens": 1_234, "completion_tokens": 567}
    bench.server.script = [model.says(model.opinion(), usage=usage)]
    answer = bench.ask(max_output_tokens=1_000)
    # 1,234 at 0.25 and 567 at 2 dollars a million.
    assert answer.usage == Usage(
        input_tokens=1_234, output_tokens=567, cost_usd=Decimal("0.0014425")
    )
    assert bench.ledger.settled == [("reservation-1", answer.usage)]
    tokens, usd = bench.ledger.reserved[0]
    prompt = tokens - 1_000
    assert usd == (prompt * Decimal("0.25") + 1_000 * 2) / 1_000_000


def test_a_server_that_counts_no_tokens_is_charged_the_worst_case(bench: Bench) -> None:
    bench.server.script = [model.says(model.opinion(), usage={})]
    answer = bench.ask()
    used = answer.usage.input_tokens + answer.usage.output_tokens
    assert (answer.usage.is_estimated, used) == (True, bench.ledger.reserved[0][0])


@pytest.mark.parametrize(
    ("part", "code", "says"),
    [
        (model.refusal("Not that."), "refused", "Not that."),
        (model.says("{}", finish_reason="content_filter"), "refused", "content filter"),
        (model.truncated(), "truncated", "output tokens"),
        (model.error(400, "Image too large."), "outside_error", "Image too large."),
        (model.error(404, "No model."), "outside_error", "OPENAI_MODEL"),
        (model.error(429, "Pay.", code="insufficient_quota"), "outside_error", "credit"),
        (model.web_page(), "outside_error", "OPENAI_BASE_URL"),
        (model.says("{}", usage={"prompt_tokens": -1}), "outside_error", "protocol"),
    ],
)
def test_what_a_second_try_would_not_mend_ends_at_once(
    bench: Bench, part: model.Answer, code: str, says: str
) -> None:
    bench.server.script = [part]
    answer = bench.ask()
    assert (answer.opinion, answer.reason_code, len(answer.attempts)) == (None, code, 1)
    assert says in (answer.refusal or "")
    assert bench.slept == []
    assert len(bench.ledger.settled) == 1


def test_a_wrong_key_names_the_setting_and_hides_the_key(bench: Bench) -> None:
    analyst = bench.analyst(openai_api_key=SecretStr("another-key-than-the-right"))
    answer = analyst.analyze(question())
    assert answer.reason_code == "outside_error"
    assert "Check OPENAI_API_KEY." in (answer.refusal or "")
    assert "another-key" not in str(answer)


def test_without_a_key_nothing_is_sent(bench: Bench) -> None:
    answer = bench.analyst(openai_api_key=SecretStr("")).analyze(question())
    assert (answer.reason_code, bench.server.requests) == ("not_configured", [])
    assert "OPENAI_API_KEY" in (answer.refusal or "")


def test_a_model_without_a_price_is_not_asked(bench: Bench) -> None:
    answer = bench.ask(model="gpt-9")
    assert (answer.reason_code, bench.server.requests, bench.ledger.reserved) == (
        "no_price",
        [],
        [],
    )
    assert "OPENAI_PRICES has no price for the model 'gpt-9'" in (answer.refusal or "")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": "1500", "retry_after": "7"}, 1.5),
        # A date is read against the server's own clock.
        (
            {
                "retry_after": "Sat, 21 Nov 2026 01:00:10 GMT",
                "date": "Sat, 21 Nov 2026 01:00:02 GMT",
            },
            8.0,
        ),
        (
            {
                "retry_after": "Sat, 21 Nov 2026 01:00:10 GMT",
                "date": "Sat, 21 Nov 2026 02:00:00 GMT",
            },
            0.0,
        ),
    ],
)
def test_a_rate_limit_is_waited_out_as_asked(
    bench: Bench, headers: dict[str, str], expected: float
) -> None:
    bench.server.script = [model.rate_limited(**headers), model.says(model.opinion())]
    answer = bench.ask()
    assert answer.opinion is not None
    assert [attempt.outcome for attempt in answer.attempts] == ["rate_limited", "answered"]
    assert bench.slept == [expected]
    assert bench.ledger.settled[0][1] == Usage()


def test_a_rate_limit_longer_than_a_decision_can_wait_ends_at_once(bench: Bench) -> None:
    bench.server.script = [model.rate_limited(retry_after="3600")]
    assert bench.ask().reason_code == "rate_limited"
    assert bench.slept == []


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (model.rate_limited(), "rate_limited"),
        (model.server_error(), "outside_error"),
        (model.HANG_UP, "outside_error"),
    ],
)
def test_a_server_that_stays_down_is_tried_four_times_with_growing_pauses(
    bench: Bench, part: model.Answer, code: str
) -> None:
    bench.server.script = [*[part] * 5]
    answer = bench.ask()
    assert (answer.reason_code, len(answer.attempts)) == (code, 4)
    assert len(bench.slept) == 3
    assert bench.slept == sorted(bench.slept)
    assert len(bench.ledger.settled) == 4


@pytest.mark.parametrize("part", [model.STALL, model.DRIBBLE])
def test_a_server_that_never_finishes_is_given_up_after_two_tries(
    bench: Bench, part: model.Answer
) -> None:
    bench.server.script = [part, part]
    answer = bench.analyst(openai_timeout_seconds=0.15).analyze(question())
    assert (answer.reason_code, len(answer.attempts)) == ("timeout", 2)
    assert "OPENAI_TIMEOUT_SECONDS" in (answer.refusal or "")
    # The model may have worked all the same, so the day is charged for both tries.
    assert [usage.is_estimated for _, usage in bench.ledger.settled] == [True, True]


def test_nobody_listening_says_which_setting_to_check(bench: Bench) -> None:
    analyst = bench.analyst(openai_base_url="http://127.0.0.1:9/v1")
    answer = analyst.analyze(question())
    assert answer.reason_code == "outside_error"
    assert "OPENAI_BASE_URL" in (answer.refusal or "")
    assert answer.usage == Usage()


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (model.says("The trend is up."), "Invalid JSON"),
        (model.says(""), "Invalid JSON"),
        (model.says({"direction": "long"}), "confidence: Field required"),
        (model.says(model.opinion(direction="up")), "direction"),
        (model.says(model.opinion(confidence=1.5)), "confidence"),
        (model.says(model.opinion(mood="good")), "mood"),
        (model.impossible(), "the stop must be below the entry"),
        (model.says(model.opinion(targets=[99.0])), "every target must be above"),
        (model.says(model.opinion(support=[-3.0])), "support is -3.0"),
        (model.says(model.opinion(entry=None)), "entry and stop must be prices"),
        (model.says(model.opinion(entry=float("nan"))), "entry: Input should be a finite number"),
        (model.says(model.opinion(targets=[float("inf")])), "targets.0: Input should be a finite"),
    ],
)
def test_an_answer_that_cannot_be_used_is_repaired_with_its_faults_named(
    bench: Bench, broken: model.Answer, says: str
) -> None:
    bench.server.script = [broken, model.says(model.opinion())]
    answer = bench.ask()
    assert answer.opinion is not None
    assert [attempt.outcome for attempt in answer.attempts] == ["invalid_answer", "answered"]
    assert len(answer.raw) == 2
    *_, wrong, complaint = bench.server.requests[1].body["messages"]
    assert wrong == {"role": "assistant", "content": answer.raw[0]}
    assert says in complaint["content"]


def test_after_two_repairs_the_answer_is_given_up(bench: Bench) -> None:
    bench.server.script = [*[model.impossible()] * 3, model.says(model.opinion())]
    answer = bench.ask()
    assert (answer.opinion, answer.reason_code) == (None, "invalid_answer")
    assert (len(answer.raw), len(bench.server.requests)) == (3, 3)
    assert "stop" in (answer.refusal or "")
    assert answer.usage.input_tokens == 3_000
    # Each repair shows the last answer only, so that the prompt does not grow.
    assert [len(request.body["messages"]) for request in bench.server.requests] == [2, 4, 4]


def test_a_short_is_mirrored(bench: Bench) -> None:
    short = model.opinion(direction="short", entry=100.0, stop=103.0, targets=[95.0])
    bench.server.script = [model.says(short)]
    assert bench.ask().opinion is not None


def test_a_code_fence_around_the_answer_is_forgiven(bench: Bench) -> None:
    bench.server.script = [model.says(f"```json\n{json.dumps(model.opinion())}\n```")]
    answer = bench.ask()
    assert answer.opinion is not None
    assert answer.raw[0].startswith("```")


@pytest.mark.parametrize(
    "failure", [None, OutsideError("Gone.", code="storage"), RuntimeError("database is down")]
)
def test_without_a_budget_nothing_is_sent(bench: Bench, failure: Exception | None) -> None:
    bench.ledger.tokens = 100
    bench.ledger.breaks_with = failure
    answer = bench.ask()
    assert (answer.reason_code, bench.server.requests) == ("budget", [])
    assert answer.refusal


def test_a_budget_that_runs_out_during_repairs_stops_them(bench: Bench) -> None:
    def spend(_: dict[str, Any]) -> model.Answer:
        bench.ledger.tokens = 0
        return model.impossible()

    bench.server.script = [spend]
    answer = bench.ask()
    assert (answer.reason_code, len(bench.server.requests)) == ("budget", 1)
    assert answer.usage.input_tokens == 1_000


def test_the_cache_answers_only_where_asked_for(bench: Bench) -> None:
    bench.server.script = [model.says(model.opinion()), model.says(model.opinion(confidence=0.9))]
    first = bench.ask()
    again = bench.ask(use_cache=True)
    live = bench.ask(use_cache=False)
    assert (first.from_cache, again.from_cache, live.from_cache) == (False, True, False)
    assert again.opinion == first.opinion
    assert again.usage == Usage()
    assert live.opinion != first.opinion
    assert len(bench.server.requests) == 2


def test_only_valid_answers_are_remembered(bench: Bench) -> None:
    bench.server.script = [model.refusal()]
    bench.ask()
    assert bench.shelf.documents == {}


@pytest.mark.parametrize(
    "change",
    [
        {"model": "free"},
        {"prompt": "What do you see? "},
        {"system": "Other."},
        {"images": (PNG,)},
        {"temperature": 0.1},
        {"max_output_tokens": 10},
        {"kind": "view"},
    ],
)
def test_any_change_of_the_question_is_another_question(
    bench: Bench, change: dict[str, Any]
) -> None:
    plain, changed = bench.ask(), bench.ask(**change)
    assert plain.request_hash != changed.request_hash


def test_asking_for_the_cache_does_not_change_the_question(bench: Bench) -> None:
    assert bench.ask().request_hash == bench.ask(use_cache=True, facts={"a": 1}).request_hash


def test_a_stored_answer_reads_back_the_same(bench: Bench) -> None:
    bench.server.script = [model.impossible(), model.says(model.opinion())]
    answer = bench.ask()
    stored = json.loads(json.dumps(answer.to_json()))
    assert Answer.from_json(stored) == answer


def test_one_client_serves_all_calls(bench: Bench) -> None:
    bench.ask()
    bench.ask()
    one = client(OpenAIServer.key, bench.server.url)
    assert one is client(OpenAIServer.key, bench.server.url)
    assert isinstance(one.timeout, httpx2.Timeout)
    assert one.max_retries == 0


def test_the_client_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, backend.analysis; sys.exit('openai' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
