"""The pages of replays as a browser without JavaScript meets them."""

import re
from html import unescape
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions.models import Execution
from backend.executions.replays import service as replay
from backend.strategies import prompts
from backend.web.audit import AuditRow
from tests.executions.replays.test_replay_facts import run, watching
from tests.support.live_engine import Engine, definition, read
from tests.support.web_client import text_of


@pytest.fixture
def source(engine: Engine) -> Execution:
    return engine.run(watching())[0]


INPUT = r'<input class="input"[^>]*? value="([^"]*)"[^>]*? name="([^"]+)"'
TEXTAREA = r'<textarea[^>]* name="([^"]+)"[^>]*>\n(.*?)</textarea>'
SELECT = r'<select[^>]* name="([^"]+)"[^>]*>(.*?)</select>'


def fields(page: str) -> dict[str, str]:
    """What a browser would send if nobody typed anything."""
    form = page[page.index('id="replay-form"') : page.index("</form>")]
    sent = {name: value for value, name in re.findall(INPUT, form)}
    for name, text in re.findall(TEXTAREA, form, re.DOTALL):
        sent[name] = text.replace("\n", "\r\n")
    for name, options in re.findall(SELECT, form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options)
        sent[name] = chosen[1] if chosen else ""
    return {name: unescape(value) for name, value in sent.items()}


def post(http: TestClient, execution: Execution, **typed: str) -> Any:
    page = text_of(http.get(f"/executions/{execution.id}/replay"))
    sent = fields(page) | {name.replace("__", "."): value for name, value in typed.items()}
    return http.post(f"/executions/{execution.id}/replay", data=sent)


def newest_replay(execution: Execution) -> Execution:
    with transaction() as session:
        return replay.replays_of(session, execution.id)[0]


def test_the_form_is_filled_with_what_ran(http: TestClient, source: Execution) -> None:
    page = text_of(http.get(f"/executions/{source.id}/replay"))
    sent = fields(page)
    assert sent["signal.long_when"] == watching()["signal"]["long_when"]
    assert sent["charts.0.indicators"].startswith("supertrend_10_3, sma_20")
    assert sent["prompts.chart"] == "1"
    assert sent["text.chart"].startswith("Judge the {{ timeframe_title }} chart")
    assert page.count("Nothing is sent to the broker") == 2
    assert "Fixed rules judged this execution" in page
    assert "Free: fixed rules answered 3 questions" in page


def test_a_form_that_nobody_changed_replays_unchanged(
    http: TestClient, engine: Engine, source: Execution
) -> None:
    response = post(http, source)
    assert response.status_code == 303
    made = newest_replay(source)
    assert response.headers["location"] == f"/executions/compare?a={source.id}&b={made.id}"
    assert made.changes == {"version": 1, "asked": [], "definition": None}
    assert made.replay_from == "preflight"
    engine.executor.run(made.id)
    page = text_of(http.get(response.headers["location"]))
    assert "Both found the same in every step." in page
    assert page.count("byte for byte") >= 1


def test_every_field_of_the_form_becomes_a_change(
    http: TestClient, engine: Engine, source: Execution
) -> None:
    response = post(
        http,
        source,
        text__chart="Judge {{ symbol }} anew.",
        signal__short_when="close < sma_50",
        signal__min_confidence="0.55",
        charts__1__indicators="sma_20, quick = ema_9",
        more="risk.risk_per_trade = 0.004\r\nsignal.targets = 2, 4\r\n",
        from_step="check_data",
    )
    assert response.status_code == 303, response.text
    made = newest_replay(source)
    asked = {each["path"]: each["after"] for each in (made.changes or {})["asked"]}
    assert asked["prompts.chart"] == 2
    assert asked["signal.short_when"] == "close < sma_50"
    assert (asked["signal.min_confidence"], asked["risk.risk_per_trade"]) == ("0.55", "0.004")
    assert asked["signal.targets"] == ["2", "4"]
    assert asked["charts.1w.indicators.quick"]["name"] == "ema"
    assert asked["charts.1w.indicators.rsi_14"] is None
    assert made.replay_from == "check_data"
    assert made.requested_by == "person:ann"
    with transaction() as session:
        rows = session.scalars(select(AuditRow)).all()
        assert [row.action for row in rows].count("execution.replayed") == 1
    engine.executor.run(made.id)
    page = text_of(http.get(response.headers["location"]))
    assert "chart version 2" in page
    assert "<ins>" in page


def test_another_version_of_a_prompt_is_chosen_without_typing(
    http: TestClient, engine: Engine, source: Execution
) -> None:
    with transaction() as session:
        prompts.save(session, engine.clock, name="chart", template="Short.", author="ann")
    post(http, source, prompts__chart="2")
    assert (newest_replay(source).changes or {})["asked"] == [
        {"path": "prompts.chart", "before": 1, "after": 2}
    ]
    with transaction() as session:
        assert len(prompts.get(session, "chart").versions) == 2


@pytest.mark.parametrize(
    ("typed", "field", "sentence"),
    [
        ({"signal__long_when": "close > sma_51"}, "signal.long_when", "Did you mean 'sma_50'"),
        ({"text__chart": "{{ closee }}"}, "text.chart", "Did you mean 'last_close'"),
        ({"charts__0__indicators": "smaa_20"}, "charts.0.indicators", "sma"),
        ({"analysis__model": "gpt-6"}, "analysis.model", "OPENAI_PRICES has no price"),
        ({"signal__min_confidence": "very"}, "signal.min_confidence", "min_confidence"),
        ({"more": "symbols = MSFT"}, "more", "Run the strategy for it"),
        ({"more": "nonsense"}, "more", "there is no"),
        (
            {"from_step": "size_and_check_risk", "signal__long_when": "close > 1"},
            "from_step",
            "Replay from compute_indicators",
        ),
        ({"from_step": "<b>"}, "from_step", "no replay begins at"),
    ],
)
def test_a_wrong_input_keeps_what_was_typed_and_says_the_mend_beside_its_field(
    http: TestClient, source: Execution, typed: dict[str, str], field: str, sentence: str
) -> None:
    response = post(http, source, **typed)
    assert response.status_code == 422
    page = unescape(text_of(response))
    error = re.search(rf'data-error-for="{re.escape(field)}"[^>]*>([^<]*)', page)
    assert error is not None
    assert sentence in error[1]
    assert "Nothing was started." in page
    name, value = next(iter(typed.items()))
    if name != "from_step":
        assert value in page
    with transaction() as session:
        assert replay.replays_of(session, source.id) == []


def test_hostile_content_is_shown_and_never_run(http: TestClient, engine: Engine) -> None:
    name = "<script>alert(1)</script>"
    source, _ = engine.run(watching() | {"name": name, "description": name})
    response = post(http, source, text__chart="<script>alert(2)</script></textarea>{{ symbol }}")
    assert response.status_code == 303
    made = newest_replay(source)
    engine.executor.run(made.id)
    for path in (response.headers["location"], f"/executions/{made.id}/replay"):
        page = text_of(http.get(path))
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page
    refused = post(http, source, more="<img src=x onerror=alert(1)> = 1")
    assert "<img src=x" not in refused.text


def test_the_comparison_fills_while_the_replay_runs(
    http: TestClient, engine: Engine, source: Execution
) -> None:
    location = post(http, source, more="risk.max_quantity = 1").headers["location"]
    page = text_of(http.get(location))
    assert 'data-live="/live/executions?known=' in page
    assert "Still under way" in page
    assert page.count("waiting</span>") == 3
    engine.executor.run(newest_replay(source).id)
    page = text_of(http.get(location))
    assert 'data-live="' not in page
    assert "They part at size and check risk" in page


def test_any_two_executions_are_compared(http: TestClient, engine: Engine) -> None:
    one, _ = engine.run()
    other, _ = engine.run(definition(name="Other", symbols=["MSFT"], signal__long_when="close < 0"))
    page = text_of(http.get(f"/executions/compare?a={one.id}&b={other.id}"))
    assert "Execution 1 against execution 2" in page
    assert "They part at preflight" not in page
    assert "They part at resolve contract" in page
    assert "Swap sides" in page


def test_an_execution_decided_by_rules_offers_no_prompts(http: TestClient, engine: Engine) -> None:
    source, _ = engine.run()
    page = text_of(http.get(f"/executions/{source.id}/replay?from=generate_signal"))
    assert "The rules alone decided this execution" in page
    assert 'value="generate_signal" selected' in page
    assert post(http, source, signal__long_when="close > 1").status_code == 303


def test_an_execution_that_stopped_early_offers_the_steps_on_record(
    http: TestClient, engine: Engine
) -> None:
    source, _ = engine.run(definition(data__min_bars=9_999))
    page = text_of(http.get(f"/executions/{source.id}/replay"))
    assert 'value="check_data"' in page
    assert 'value="compute_indicators"' not in page
    assert "Steps behind check data are not on record" in page


def test_one_under_way_cannot_be_replayed_yet(http: TestClient, engine: Engine) -> None:
    waiting = read(engine.start(engine.save())[0])[0]
    assert "It is still under way." in text_of(http.get(f"/executions/{waiting.id}/replay"))
    response = post(http, waiting)
    assert response.status_code == 409
    assert "still under way" in response.text


def test_an_unknown_execution_is_not_found(http: TestClient, source: Execution) -> None:
    assert http.get("/executions/4711/replay").status_code == 404
    assert http.post("/executions/4711/replay", data={}).status_code == 404
    assert http.get(f"/executions/compare?a={source.id}&b=4711").status_code == 404
    assert http.get(f"/executions/compare?a={source.id}").status_code == 422
    assert http.get("/executions/compare?a=x&b=1").status_code == 422


def test_a_stranger_sees_neither_page_and_starts_nothing(
    anonymous: TestClient, source: Execution
) -> None:
    for path in (f"/executions/{source.id}/replay", "/executions/compare?a=1&b=1"):
        assert anonymous.get(path).status_code in (303, 401)
    assert anonymous.post(f"/executions/{source.id}/replay", data={}).status_code in (303, 401, 403)
    with transaction() as session:
        assert replay.replays_of(session, source.id) == []


def test_a_lost_conversation_leaves_the_rest_of_the_comparison_readable(
    http: TestClient, engine: Engine, source: Execution
) -> None:
    replayed, records = run(engine, source.id)
    [talked] = [record for record in records if record.step == "analyze_charts"]
    lost = (talked.output or {})["conversations"][0]["text"]["sha256"]
    [path] = engine.tools.storage.root.rglob(lost)  # type: ignore[attr-defined]
    path.unlink()
    page = text_of(http.get(f"/executions/compare?a={source.id}&b={replayed.id}"))
    assert f"No artifact '{lost}' is kept here" in unescape(page)
    assert "Step by step" in page
