"""Prompts as a person meets them: versions, labels, comparing, writing, trying on what was."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text, update
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.decisions import gathering
from backend.decisions.models import Decision, Question
from backend.prompts import results
from backend.strategies import prompts
from backend.trading.signal import Action
from backend.web.audit import AuditRow
from backend.workflow.outcome import Outcome
from backend.workflow.settings import PromptLabel
from tests.support.live_engine import Engine, definition, example
from tests.support.web_client import text_of

HOSTILE = "<script>alert('x')</script>"
BY_VIEW = definition(signal={"source": "view", "min_confidence": 0.01})
SECOND = "Look at {{ symbol }} closely, as of {{ as_of }}."


def page(http: TestClient, path: str = "/prompts", status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def send(http: TestClient, path: str, status: int = 303, **form: Any) -> str:
    response = http.post(path, data=form)
    assert response.status_code == status, response.text
    location: str = response.headers.get("location", "")
    return location if status == 303 else text_of(response)


def labels(name: str = "chart") -> dict[str, int]:
    with transaction() as session:
        return prompts.labels(prompts.get(session, name))


def move(engine: Engine, label: PromptLabel, number: int) -> None:
    with transaction() as session:
        prompts.move_label(
            session, engine.clock, name="chart", label=label, number=number, actor="test"
        )


@pytest.fixture
def second(http: TestClient, engine: Engine) -> Engine:
    """A second version of the chart prompt, saved over the page and not in force."""
    send(http, "/prompts/chart/versions", template=SECOND)
    return engine


def ran(engine: Engine, document: dict[str, Any] = BY_VIEW) -> None:
    engine.run(document)
    gathering.gather(engine.tools.storage)


# --- the list -------------------------------------------------------------------------------------


def test_every_prompt_shows_what_runs_and_what_waits(http: TestClient, second: Engine) -> None:
    html = page(http)
    for said in ("chart prompt", "view prompt", "system prompt", "version 2 waits"):
        assert said in html
    assert html.count("production is version 1") == 3


def test_a_prompt_is_made_and_its_first_version_runs(http: TestClient) -> None:
    text_of_it = "Judge {{ symbol }}.\r\nNow."
    assert send(http, "/prompts", name="mine", kind="chart", template=text_of_it) == "/prompts/mine"
    assert labels("mine") == {"production": 1}
    with transaction() as session:
        assert prompts.get(session, "mine").versions[0].template == "Judge {{ symbol }}.\nNow."
        [row] = session.scalars(select(AuditRow).where(AuditRow.action == "prompt.created"))
    assert (row.actor, row.subject) == ("person:ann", "prompt mine")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "My Prompt"}, "cannot be one"),
        ({"name": "chart"}, "already named &#39;chart&#39;"),
        ({"kind": "poem"}, "kind: choose"),
        ({"template": "{{ symbl }}"}, "Did you mean &#39;symbol&#39;"),
        ({"template": " "}, "empty"),
    ],
)
def test_a_wrong_new_prompt_is_told_and_what_was_written_stays(
    http: TestClient, changes: dict[str, str], said: str
) -> None:
    form = {"name": "mine", "kind": "chart", "template": "Judge {{ symbol }}."} | changes
    html = send(http, "/prompts", 422, **form)
    assert said in html
    assert "/prompts/mine" not in page(http)
    if "template" not in changes:
        assert "Judge {{ symbol }}." in html


# --- versions and labels --------------------------------------------------------------------------


def test_a_saved_version_waits_until_production_is_moved_and_the_move_is_undone_the_same_way(
    http: TestClient, second: Engine
) -> None:
    assert labels() == {"production": 1}
    html = page(http, "/prompts/chart?version=2")
    assert "It runs once production or trial is moved to it." in html
    assert "Put into production" in html
    send(http, "/prompts/chart/labels", label="production", version="2")
    assert labels() == {"production": 2}
    assert "Roll back" in page(http, "/prompts/chart")
    send(http, "/prompts/chart/labels", label="production", version="1")
    assert labels() == {"production": 1}
    with transaction() as session:
        actions = session.scalars(select(AuditRow.action).order_by(AuditRow.id)).all()
    assert actions[-3:] == ["prompt.saved", "prompt.label_moved", "prompt.label_moved"]


def test_a_version_goes_on_trial_and_off_again(http: TestClient, second: Engine) -> None:
    send(http, "/prompts/chart/labels", label="trial", version="2")
    assert labels() == {"production": 1, "trial": 2}
    assert "trial is version 2" in page(http, "/prompts/chart")
    send(http, "/prompts/chart/labels/off", label="trial")
    assert labels() == {"production": 1}


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"label": "canary", "version": "1"}, 422),
        ({"label": "production", "version": "9"}, 404),
        ({"label": "production", "version": "x"}, 422),
        ({"label": "production"}, 422),
    ],
)
def test_a_wrong_move_is_refused_and_moves_nothing(
    http: TestClient, second: Engine, form: dict[str, str], status: int
) -> None:
    assert "Traceback" not in send(http, "/prompts/chart/labels", status, **form)
    assert labels() == {"production": 1}


def test_a_move_without_the_pages_token_is_refused(http: TestClient, second: Engine) -> None:
    response = http.post(
        "/prompts/chart/labels",
        data={"label": "production", "version": "2"},
        headers={"X-CSRF-Token": "x"},
    )
    assert response.status_code == 403
    assert labels() == {"production": 1}


def test_strategies_that_use_a_prompt_are_named_with_their_label(
    http: TestClient, engine: Engine
) -> None:
    engine.save(BY_VIEW | {"name": "Steady"})
    engine.save(definition(name="Brave", analysis={"prompt_label": "trial"}))
    html = page(http, "/prompts/chart").partition("Used by")[2]
    assert "Steady" in html
    assert "Brave" in html
    assert 'data-state="trial"' in html


def test_an_unknown_prompt_is_told_with_the_nearest_name(http: TestClient) -> None:
    for path in ("/prompts/chrt", "/prompts/chrt/edit", "/prompts/chrt/diff"):
        assert "Did you mean &#39;chart&#39;" in page(http, path, 404)
    assert "the newest is 1" in page(http, "/prompts/chart?version=7", 404)


# --- writing and comparing ------------------------------------------------------------------------


def test_a_text_that_cannot_be_rendered_is_told_and_stays_in_the_editor(
    http: TestClient, engine: Engine
) -> None:
    html = send(http, "/prompts/chart/versions", 422, template="Hello {{ symbl }}")
    assert "Did you mean &#39;symbol&#39;" in html
    assert "Hello {{ symbl }}" in html
    assert "The instrument&#39;s symbol." in html
    with transaction() as session:
        assert len(prompts.get(session, "chart").versions) == 1


def test_the_same_text_again_saves_nothing(http: TestClient, second: Engine) -> None:
    location = send(http, "/prompts/chart/versions", template=SECOND)
    assert "Nothing was changed" in page(http, location)


def test_what_is_being_written_is_checked(http: TestClient) -> None:
    def check(template: str) -> Any:
        return http.post("/prompts/chart/check", data={"template": template}).json()["problem"]

    assert check(SECOND) is None
    assert "Did you mean 'symbol'" in check("{{ symbl }}")
    assert "Line 2" in check("a\r\n{% if %}")
    assert "empty" in check("")


def test_two_versions_are_compared_word_by_word(http: TestClient, second: Engine) -> None:
    send(http, "/prompts/chart/versions", template=SECOND.replace("closely", "twice"))
    html = page(http, "/prompts/chart/diff?a=2&b=3")
    assert "<del>closely</del>" in html
    assert "<ins>twice</ins>" in html
    assert "No difference." in page(http, "/prompts/chart/diff?a=2&b=2")
    assert "the newest is 3" in page(http, "/prompts/chart/diff?a=2&b=4", 404)


# --- preview --------------------------------------------------------------------------------------


def test_before_anything_was_asked_a_preview_says_so(http: TestClient) -> None:
    assert "No execution has asked" in page(http, "/prompts/chart/preview")


def test_the_version_that_was_used_renders_to_what_was_sent(
    http: TestClient, engine: Engine
) -> None:
    ran(engine, example())
    for name, questions in (("chart", 2), ("view", 1), ("system", 1)):
        html = page(http, f"/prompts/{name}/preview?version=1&execution=1")
        # The recorded facts give the very words of then.
        assert html.count("No difference.") == questions, name
        assert f"sent then: {name} version 1" in html


def test_another_version_shows_what_would_have_been_said(http: TestClient, second: Engine) -> None:
    ran(second)
    html = page(http, "/prompts/chart/preview?version=2")
    assert "Look at AAPL closely, as of 2026-11-20 20:30 UTC." in html
    assert "No difference." not in html


def test_a_draft_is_tried_without_being_kept(http: TestClient, engine: Engine) -> None:
    ran(engine)
    html = send(http, "/prompts/chart/preview", 200, template="Draft of {{ symbol }}.")
    assert "Draft of AAPL." in html
    with transaction() as session:
        assert len(prompts.get(session, "chart").versions) == 1


@pytest.mark.parametrize(
    ("execution", "said"),
    [
        ("4711", "There is no execution 4711."),
        ("x", "no execution&#39;s number"),
        ("2", "asked no question by a chart prompt"),
    ],
)
def test_an_execution_that_cannot_be_previewed_is_told(
    http: TestClient, engine: Engine, execution: str, said: str
) -> None:
    ran(engine)
    engine.run(definition(name="Rules"))
    assert said in page(http, f"/prompts/chart/preview?execution={execution}", 422)


def test_a_draft_that_fails_on_these_facts_is_told(http: TestClient, engine: Engine) -> None:
    ran(engine)
    html = send(http, "/prompts/chart/preview", 422, template="{{ 1 / (tick - tick) }}")
    assert "does not render" in html


# --- results --------------------------------------------------------------------------------------


def by_version(name: str = "chart") -> dict[int, results.VersionResults]:
    with transaction() as session:
        return results.by_version(session, prompts.get(session, name))


def test_results_are_those_of_the_version_that_was_asked(second: Engine) -> None:
    ran(second)
    move(second, "production", 2)
    ran(second, BY_VIEW | {"name": "Later"})
    ran(second, BY_VIEW | {"name": "Latest"})
    with transaction() as session:
        session.execute(
            update(Question)
            .where(Question.execution_id == 2)
            .values(tokens=1_000, cost_usd=Decimal("0.01"), attempts=2)
        )
        session.execute(
            update(Question).where(Question.execution_id == 3).values(reason_code="refused")
        )
        session.execute(
            update(Decision)
            .where(Decision.execution_id == 2)
            .values(action=Action.BUY, after_5=0.02, confidence=0.6, claims=10, claims_wrong=2)
        )
        session.execute(
            update(Decision)
            .where(Decision.execution_id == 3)
            .values(action=Action.SELL, after_5=-0.02, confidence=0.8, claims=0, claims_wrong=0)
        )
    first, later = by_version()[1], by_version()[2]
    assert (first.runs, first.repaired, first.refused) == (1, 0, 0)
    assert (later.runs, later.questions, later.repaired, later.refused) == (2, 2, 1, 1)
    assert (later.tokens_per_run, later.cost_per_run) == (500, Decimal("0.005"))
    assert later.actions == {Action.BUY: 1, Action.SELL: 1}
    assert (later.hits, later.judged, later.hit_rate) == (1, 2, 0.5)
    assert later.confidence == pytest.approx(0.7)
    assert later.claims_wrong_rate == pytest.approx(0.2)
    assert sum(later.outcomes.values()) == 2
    assert set(later.outcomes) <= set(Outcome)


def test_two_timeframes_are_two_questions_of_one_run(engine: Engine) -> None:
    ran(engine, example())
    chart, system = by_version()[1], by_version("system")[1]
    assert (chart.questions, chart.runs) == (2, 1)
    assert (system.questions, system.runs) == (3, 1)
    assert sum(chart.actions.values()) == 1


def test_an_answer_by_fixed_rules_is_told_as_such(http: TestClient, engine: Engine) -> None:
    assert "No execution has asked by this prompt" in page(http, "/prompts/chart")
    ran(engine)
    html = page(http, "/prompts/chart")
    assert "1 of 1 questions were answered by fixed rules" in html
    assert "Hit rate after 5 bars by version" in html


def test_the_days_that_count_are_chosen(http: TestClient, engine: Engine) -> None:
    ran(engine)
    with transaction() as session:
        session.execute(text("UPDATE questions SET recorded_at = recorded_at - interval '40 days'"))
    assert "No execution has asked" in page(http, "/prompts/chart?days=30")
    assert "No execution has asked" not in page(http, "/prompts/chart?days=90")
    assert "No execution has asked" not in page(http, "/prompts/chart?days=nonsense")


def test_hostile_texts_are_shown_as_text(http: TestClient, engine: Engine) -> None:
    send(http, "/prompts/chart/versions", template=f"{HOSTILE} {{{{ symbol }}}}")
    engine.save(definition(name=HOSTILE))
    move(engine, "production", 2)
    with transaction() as session:
        session.execute(text("UPDATE prompt_versions SET created_by = :name"), {"name": HOSTILE})
        session.execute(text("UPDATE prompt_labels SET moved_by = :name"), {"name": HOSTILE})
    ran(engine, BY_VIEW | {"name": "View"})
    html = page(http) + page(http, "/prompts/chart")
    for path in ("edit", "diff?a=1&b=2", "preview?version=2"):
        html += page(http, f"/prompts/chart/{path}")
    html += send(http, "/prompts", 422, name=HOSTILE, kind=HOSTILE, template=HOSTILE)
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert") >= 10
