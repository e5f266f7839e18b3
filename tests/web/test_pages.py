"""The pages, in every state that an execution can be in, and with hostile content."""

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from backend.analysis.base import Answer, Request
from backend.analysis.rule_based import RuleBasedAnalyst
from backend.core.database import transaction
from backend.executions import leases
from backend.storage.filesystem import FilesystemStorage
from backend.strategies import prompts
from backend.workflow.plan import STEP_NAMES
from tests.support.live_engine import FRIDAY, Engine, definition, example
from tests.support.web_client import text_of

HOSTILE = "<script>alert('x')</script>"


def page(http: TestClient, path: str, status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def states(html: str) -> list[str]:
    """The badge of each step, in order."""
    steps = html.partition('<ol class="steps">')[2]
    found: list[str] = re.findall(r'<summary>.*?<span class="badge (\w+)">', steps, re.DOTALL)
    return found


def test_a_waiting_execution_shows_thirteen_steps_that_wait(
    http: TestClient, engine: Engine
) -> None:
    execution_id = engine.start(engine.save())[0]
    html = page(http, f"/executions/{execution_id}")
    assert states(html) == ["waiting"] * 13
    assert "Waiting for a worker." in html


def test_a_running_execution_shows_where_it_is(http: TestClient, engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    leases.take(execution_id, first_step="preflight", now=FRIDAY)
    html = page(http, f"/executions/{execution_id}")
    assert states(html) == ["running"] + ["waiting"] * 12
    assert "At step preflight." in html


def test_a_parked_execution_says_what_a_person_has_to_do(http: TestClient, engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    engine.gateway.control.session("logged_out")
    engine.executor.run(execution_id)
    html = page(http, f"/executions/{execution_id}")
    assert states(html)[0] == "parked"
    assert "log in" in html
    assert 'data-state="parked"' in page(http, "/executions")


def test_a_failed_execution_shows_its_reason_and_skips_the_rest(
    http: TestClient, engine: Engine
) -> None:
    execution, _ = engine.run(definition(symbols=["APPL"]))
    html = page(http, f"/executions/{execution.id}")
    assert states(html) == ["finished", "failed"] + ["skipped"] * 11
    assert "Did you mean &#39;AAPL&#39;" in html


def test_a_finished_execution_shows_what_every_step_found(http: TestClient, engine: Engine) -> None:
    execution, records = engine.run(example())
    html = page(http, f"/executions/{execution.id}")
    assert len(states(html)) == len(STEP_NAMES)
    assert "SIMULATED" in html
    assert "rule-based, no model was asked" in html
    for artifact in (artifact for record in records for artifact in record.artifacts):
        assert f"/artifacts/{artifact['sha256']}" in html
    for record in records:
        assert record.hash[:16] in html
    # The chart is drawn from its stored figure; prompt and answer are there to be read.
    assert html.count("data-figure=") == 2
    assert "Judge the" in html
    assert "Raw answer" in html or "opinion" in html


def test_an_execution_with_an_order_plan_shows_plan_and_limits(
    http: TestClient, engine: Engine
) -> None:
    execution, _ = engine.run()
    html = page(http, f"/executions/{execution.id}")
    assert "Plan: <strong>BUY" in html
    assert "max share of equity" in html


def test_an_interrupted_step_shows_both_attempts(http: TestClient, engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    leases.take(execution_id, first_step="preflight", now=FRIDAY)
    with transaction() as session:
        session.execute(text("UPDATE executions SET lease_until = now() - interval '1 s'"))
    engine.executor.run(execution_id)
    html = page(http, f"/executions/{execution_id}")
    assert "Attempt 1:" in html
    assert "Attempt 2:" in html
    assert "The worker fell silent" in html


def test_a_skipped_due_time_without_records_can_be_shown(http: TestClient, engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    with transaction() as session:
        session.execute(
            text(
                "UPDATE executions SET status = 'finished', outcome = 'skipped',"
                " reason = 'The one before was still under way.'"
            )
        )
    assert "still under way" in page(http, f"/executions/{execution_id}")


class HostileAnalyst(RuleBasedAnalyst):
    """Says what a model might be talked into saying."""

    def analyze(self, request: Request) -> Answer:
        answer = super().analyze(request)
        assert answer.opinion is not None
        changes: dict[str, Any] = {
            "reasons": [HOSTILE],
            "risks": [HOSTILE],
            "invalidation": HOSTILE,
        }
        return replace(
            answer, opinion=answer.opinion.model_copy(update=changes), raw=(HOSTILE,), model=HOSTILE
        )


def test_hostile_prompts_answers_and_names_are_shown_as_text(
    http: TestClient, engine: Engine
) -> None:
    with transaction() as session:
        prompts.add_defaults(session, engine.clock)
        prompts.create(
            session,
            engine.clock,
            name="hostile",
            kind="chart",
            template=f"{HOSTILE} {{{{ symbol }}}}",
            author=HOSTILE,
        )
    hostile = engine.with_tools(analyst=HostileAnalyst())
    execution, _ = hostile.run(
        definition(
            name=HOSTILE,
            description=HOSTILE,
            signal={"source": "view"},
            analysis={"prompts": {"chart": "hostile"}},
        )
    )
    with transaction() as session:
        session.execute(
            text("UPDATE executions SET symbol = :s, requested_by = :s"), {"s": HOSTILE[:60]}
        )
    escaped = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"
    for path in ("/executions", f"/executions/{execution.id}"):
        html = page(http, path)
        assert "<script>alert" not in html
        assert escaped in html
    assert page(http, f"/executions/{execution.id}").count(escaped) >= 6


def test_a_hostile_search_is_shown_as_text(http: TestClient) -> None:
    html = page(http, "/executions?symbol=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in html
    assert "No executions match" in html


def artifact_file(engine: Engine, sha256: str) -> Any:
    storage = engine.tools.storage
    assert isinstance(storage, FilesystemStorage)
    return storage.root / sha256[:2] / sha256[2:4] / sha256


@pytest.mark.parametrize("is_changed", [True, False], ids=["changed", "gone"])
def test_a_conversation_that_cannot_be_read_does_not_hide_the_other_steps(
    http: TestClient, engine: Engine, is_changed: bool
) -> None:
    execution, records = engine.run(example())
    talk = (records[7].output or {})["conversations"][0]
    path = artifact_file(engine, talk["text"]["sha256"])
    if is_changed:
        path.write_bytes(b"{}")
    else:
        path.unlink()
    html = page(http, f"/executions/{execution.id}")
    assert len(states(html)) == 13
    assert "generate signal" in html
    assert talk["text"]["sha256"] in html


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/executions/4711", 404),
        ("/executions/x", 422),
        ("/nothing/here", 404),
        ("/executions?outcome=won", 422),
        ("/executions?before=0", 422),
        (f"/artifacts/{'c' * 64}", 404),
        ("/static/../app.py", 404),
    ],
)
def test_an_error_is_a_page_with_a_sentence_and_a_way_back(
    http: TestClient, path: str, status: int
) -> None:
    html = page(http, path, status)
    assert f">{status}</p>" in html
    assert "To the overview" in html
    assert "Traceback" not in html


def test_what_pages_need_comes_from_this_server_alone(http: TestClient, engine: Engine) -> None:
    execution, _ = engine.run()
    html = page(http, f"/executions/{execution.id}")
    sources = re.findall(r'(?:src|data-figure)="([^"]+)"|<link[^>]* href="([^"]+)"', html)
    assert sources
    for source in map("".join, sources):
        assert source.startswith("/"), source
        response = http.get(source)
        assert response.status_code in (200, 307), source


def test_pages_have_no_inline_script_that_the_policy_would_block(
    http: TestClient, engine: Engine
) -> None:
    execution, _ = engine.run()
    for path in ("/executions", f"/executions/{execution.id}"):
        html = page(http, path)
        assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))
        assert not re.search(r"\son\w+=", html.partition("<main>")[0])
