"""The page of one execution, in every state it can be in, and with hostile content."""

import re
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text
from starlette.testclient import TestClient

from backend.analysis.base import Answer, Request
from backend.analysis.rule_based import RuleBasedAnalyst
from backend.core.database import transaction
from backend.core.outbox import outbox
from backend.executions import leases, sheet
from backend.executions.models import Execution, LineageRecord
from backend.executions.pages import _parts_by, page_parts
from backend.executions.replays import service as replay
from backend.executions.replays.changes import Wanted
from backend.storage.filesystem import FilesystemStorage
from backend.strategies import prompts
from tests.support.kept_orders import trade
from tests.support.live_engine import FRIDAY, Engine, definition, example, read
from tests.support.web_client import text_of

HOSTILE = "<script>alert('x')</script>"
ESCAPED = "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;"


def page(http: TestClient, path: str, status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


def run_page(http: TestClient, execution_id: int) -> str:
    return page(http, f"/executions/{execution_id}")


def states(html: str) -> list[str]:
    """The badge of each step, in order."""
    return re.findall(r'<summary class="step-head">.*?data-state="(\w+)"', html, re.DOTALL)


def part(html: str, id: str) -> str:
    """One element of the page, from its id to the end of its section."""
    begun = html.index(f'id="{id}"')
    return html[begun : html.index("</section>", begun)]


def why_not(html: str, label: str) -> str | None:
    """The reason that a button gives for not working; None when it works."""
    found = re.search(rf'title="([^"]+)" data-dead>{label}</button>', html)
    return found[1] if found else None


def test_a_waiting_execution_shows_thirteen_steps_that_wait(
    http: TestClient, engine: Engine
) -> None:
    html = run_page(http, engine.start(engine.save())[0])
    assert states(html) == ["ahead"] * 13
    assert "It waits for a worker." in html
    assert "0 of 13 steps" in html
    assert why_not(html, "Verify") == "It has no record: it was skipped before its start."
    assert why_not(html, "Run again") == "Execution 1 is still under way."


def test_a_running_execution_says_what_it_is_doing_and_follows_live(
    http: TestClient, engine: Engine
) -> None:
    execution_id = engine.start(engine.save())[0]
    leases.take(execution_id, first_step="preflight", now=FRIDAY)
    html = run_page(http, execution_id)
    assert states(html) == ["running"] + ["ahead"] * 12
    assert "It is at step 1 of 13: asking whether it is the time" in html
    assert f'data-live="/executions/{execution_id}/live?known=0"' in html
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in html
    assert why_not(html, "Replay or fork") is not None


def test_a_parked_execution_says_what_a_person_has_to_do(http: TestClient, engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    engine.gateway.control.session("logged_out")
    engine.executor.run(execution_id)
    html = run_page(http, execution_id)
    assert states(html)[0] == "parked"
    assert "It is parked, and goes on by itself" in html
    assert "log in" in html
    assert "data-live=" in html


def test_a_failed_execution_says_where_it_broke_and_skips_the_rest(
    http: TestClient, engine: Engine
) -> None:
    execution, _ = engine.run(definition(symbols=["APPL"]))
    html = run_page(http, execution.id)
    assert states(html) == ["finished", "failed"] + ["skipped"] * 11
    assert "It broke while finding the instrument that the symbol means." in html
    assert "Did you mean &#39;AAPL&#39;" in part(html, "step-resolve_contract")
    assert "data-live=" not in html
    assert "http-equiv" not in html


def test_an_execution_that_held_says_in_plain_words_why(http: TestClient, engine: Engine) -> None:
    execution, _ = engine.run(example())
    html = run_page(http, execution.id)
    why = re.sub(r"\s+", " ", part(html, "why"))
    assert "It did not want to trade AAPL." in html
    assert "It looked at 300 daily bars and 200 weekly bars of APPLE INC" in why
    assert "The rule for buying does not hold: close (522.66) is not above sma_50" in why
    assert "The rule-based analyst (no model was asked) sees it falling, with 80% confidence" in why
    assert "trades only when rules and view agree; so it holds" in why
    assert "None of the 15 numbers that the view quotes contradicts the data." in why
    assert 'data-state="simulated"' in html


def test_a_finished_execution_shows_what_every_step_found(http: TestClient, engine: Engine) -> None:
    execution, records = engine.run(example())
    html = run_page(http, execution.id)
    assert len(states(html)) == 13
    for artifact in (artifact for record in records for artifact in record.artifacts):
        assert f"/artifacts/{artifact['sha256']}" in html
    assert html.count("data-figure=") == 2
    assert "1,000,000.00" in part(html, "step-snapshot_account")
    assert part(html, "step-check_data").count("proved") == 2
    assert part(html, "step-compute_indicators").count("is not above") == 3
    assert "fixed rules, no model was asked" in part(html, "step-analyze_charts")


def test_an_execution_with_an_order_plan_shows_prices_plan_and_limits(
    http: TestClient, engine: Engine
) -> None:
    execution, _ = engine.run()
    html = run_page(http, execution.id)
    assert "It wanted to buy 313 AAPL, and only watched." in html
    assert "Order plan: BUY 313 AAPL" in html
    assert "Max share of equity" in html
    assert re.search(r'aria-label="Entry [\d.]+, stop [\d.]+, targets', html)
    assert "It did not run." in part(html, "step-place_orders")


def test_an_interrupted_step_shows_both_attempts(http: TestClient, engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    leases.take(execution_id, first_step="preflight", now=FRIDAY)
    with transaction() as session:
        session.execute(text("UPDATE executions SET lease_until = now() - interval '1 s'"))
    engine.executor.run(execution_id)
    html = part(run_page(http, execution_id), "step-preflight")
    assert "2 attempts" in html
    assert "The worker fell silent" in html
    assert "Input, output and record, attempt 2" in html


def test_a_skipped_due_time_without_records_can_be_shown(http: TestClient, engine: Engine) -> None:
    execution_id = engine.start(engine.save())[0]
    with transaction() as session:
        session.execute(
            text(
                "UPDATE executions SET status = 'finished', outcome = 'skipped',"
                " reason = 'The one before was still under way.'"
            )
        )
    html = run_page(http, execution_id)
    assert "It did not run this time." in html
    assert "still under way" in html


def test_runs_of_one_strategy_lead_to_each_other(http: TestClient, engine: Engine) -> None:
    strategy = engine.save(definition(symbols=["AAPL", "MSFT"]))
    first = engine.start(strategy)
    for execution_id in first:
        engine.executor.run(execution_id)
    engine.advance(minutes=1)
    [second] = engine.start(strategy, ["AAPL"])
    engine.executor.run(second)
    html = run_page(http, first[0])
    assert re.search(rf'rel="next" href="/executions/{second}"', html)
    assert 'rel="prev"' not in html
    assert why_not(html, "Compare with previous") == "It is the strategy&#39;s first run for AAPL."
    html = run_page(http, second)
    assert re.search(rf'rel="prev" href="/executions/{first[0]}"', html)
    assert f"/executions/compare?a={first[0]}&amp;b={second}" in html


def test_replays_and_their_source_lead_to_each_other(http: TestClient, engine: Engine) -> None:
    source, _ = engine.run()
    with transaction() as session:
        made = replay.start(
            session,
            engine.clock,
            source.id,
            wanted=Wanted(settings={"risk.max_quantity": "5"}),
            requested_by="person:ann",
        )
    engine.executor.run(made.id)
    compare = f"/executions/compare?a={source.id}&amp;b={made.id}"
    html = run_page(http, source.id)
    assert "Replays of this execution" in html
    assert compare in html
    html = run_page(http, made.id)
    assert f'<a href="/executions/{source.id}">execution {source.id}</a> on its record' in html
    assert "<code>risk.max_quantity</code>" in html
    assert compare in html


def test_a_link_to_a_step_opens_it(http: TestClient, engine: Engine) -> None:
    execution, _ = engine.run()
    opened = '<details id="open-fetch_bars" open>'
    assert opened not in run_page(http, execution.id)
    assert opened in page(http, f"/executions/{execution.id}?step=fetch_bars")
    assert page(http, f"/executions/{execution.id}?step={HOSTILE}").count("<script>") == 0


def test_a_record_is_shown_whole_with_its_place_in_the_chain(
    http: TestClient, engine: Engine
) -> None:
    execution, records = engine.run()
    html = page(http, f"/executions/{execution.id}/records/2")
    assert records[2].hash in html
    assert records[2].previous_hash in html
    assert 'data-json-path="snapshots.1d.count"' in html
    missing = page(http, f"/executions/{execution.id}/records/99", 404)
    assert f"Execution {execution.id} has no record 99." in missing


def test_the_indicators_show_their_course(http: TestClient, engine: Engine) -> None:
    execution, records = engine.run()
    html = page(http, f"/executions/{execution.id}/series")
    assert html.count("<polyline") == 2
    artifact_file(engine, (records[5].output or {})["series"]["1d"]["sha256"]).unlink()
    assert "text-bad" in page(http, f"/executions/{execution.id}/series")


def test_the_log_of_a_step_is_shown_with_its_lines(http: TestClient, engine: Engine) -> None:
    execution, _ = engine.run()
    assert outbox.flush(10)
    whole = page(http, f"/executions/{execution.id}/logs")
    assert "execution_ran" in whole
    assert "GET iserver/marketdata/history" in page(
        http, f"/executions/{execution.id}/logs?step=fetch_bars"
    )
    assert "No lines of this step" in page(http, f"/executions/{execution.id}/logs?step=reconcile")


def talks(records: list[LineageRecord]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (records[7].output or {})["conversations"]
    return found


def talk_path(execution: Execution, talk: dict[str, Any]) -> str:
    return f"/executions/{execution.id}/conversation/{talk['text']['sha256']}"


def test_a_conversation_shows_prompt_answer_and_its_numbers_against_the_data(
    http: TestClient, engine: Engine
) -> None:
    execution, records = engine.run(example())
    html = page(http, talk_path(execution, talks(records)[0]))
    assert "Judge the daily chart" in html
    assert "no model was asked" in html
    assert re.search(r'<mark class="claim state-good" title="right: [^"]+">522.66', html)
    assert "15 of 15 are right" in html
    assert 'data-json-path="answer.opinion.direction"' in html


class WrongAnalyst(RuleBasedAnalyst):
    """Quotes a close that is not the close."""

    def analyze(self, request: Request) -> Answer:
        answer = super().analyze(request)
        assert answer.opinion is not None
        claims = [claim.model_copy(update={"value": 333.25}) for claim in answer.opinion.claims[:2]]
        changes: dict[str, Any] = {"claims": claims, "reasons": ["It closed at 333.25, high."]}
        return replace(answer, opinion=answer.opinion.model_copy(update=changes))


def test_a_wrong_number_is_marked_where_it_is_said_and_in_the_table(
    http: TestClient, engine: Engine
) -> None:
    execution, records = engine.with_tools(analyst=WrongAnalyst()).run(example())
    html = page(http, talk_path(execution, talks(records)[0]))
    assert re.search(
        r'It closed at <mark class="claim state-bad" title="wrong: [^"]+">333.25', html
    )
    assert html.count('data-state="wrong"') == 2


def test_a_conversation_of_another_execution_is_not_shown(http: TestClient, engine: Engine) -> None:
    _, records = engine.run(example())
    other, _ = engine.run()
    sha256 = talks(records)[0]["text"]["sha256"]
    html = page(http, f"/executions/{other.id}/conversation/{sha256}", 404)
    assert "had no such conversation" in html


def artifact_file(engine: Engine, sha256: str) -> Any:
    storage = engine.tools.storage
    assert isinstance(storage, FilesystemStorage)
    return storage.root / sha256[:2] / sha256[2:4] / sha256


@pytest.mark.parametrize("is_changed", [True, False], ids=["changed", "gone"])
def test_a_conversation_that_is_lost_says_so_and_hides_nothing_else(
    http: TestClient, engine: Engine, is_changed: bool
) -> None:
    execution, records = engine.run(example())
    talk = talks(records)[0]
    path = artifact_file(engine, talk["text"]["sha256"])
    if is_changed:
        path.write_bytes(b"{}")
    else:
        path.unlink()
    assert len(states(run_page(http, execution.id))) == 13
    assert "The texts cannot be shown." in page(http, talk_path(execution, talk))


def test_numbers_that_are_gone_are_said_to_be_unchecked(http: TestClient, engine: Engine) -> None:
    execution, records = engine.run(example())
    facts = (records[7].output or {})["chart_facts"]["1d"]
    artifact_file(engine, facts["sha256"]).unlink()
    html = page(http, talk_path(execution, talks(records)[0]))
    assert "cannot be checked any more" in html
    assert "Judge the daily chart" in html


def test_verification_shows_the_chain_and_the_first_break(http: TestClient, engine: Engine) -> None:
    execution, records = engine.run()
    assert f'data-load="/executions/{execution.id}/verify"' in run_page(http, execution.id)
    html = page(http, f"/executions/{execution.id}/verify")
    assert "Intact: 13 records and" in html
    for record in records:
        assert record.hash in html
    with transaction() as session:
        session.execute(text("UPDATE workflow_lineage SET reason = 'another' WHERE sequence = 4"))
    html = page(http, f"/executions/{execution.id}/verify")
    assert "Broken. Record 4 (snapshot_account): its content was changed" in html
    assert html.count('data-state="broken"') == 1


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
    execution, records = hostile.run(
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
    here = f"/executions/{execution.id}"
    paths = [here, f"{here}/verify", f"{here}/logs", f"{here}/series"]
    paths += [f"{here}/records/{record.sequence}" for record in records]
    paths.append(talk_path(execution, talks(records)[0]))
    for path in paths:
        html = page(http, path)
        assert "<script>alert" not in html, path
        assert ESCAPED in html, path
    assert page(http, here).count(ESCAPED) >= 6
    disposition = http.get(f"{here}/export").headers["Content-Disposition"]
    assert "<" not in disposition


def test_the_parts_that_change_are_those_of_the_whole_page(
    http: TestClient, engine: Engine
) -> None:
    """A stream that brings other HTML than a reload would show two truths."""
    execution, _ = engine.run(example())
    html = run_page(http, execution.id)
    with transaction() as session:
        shown = sheet.read(session, execution.id, engine.clock.now())
    parts = page_parts(shown, 0)
    assert set(parts) >= {"run-head", "run-rail", "step-preflight", "step-reconcile"}
    for id, made in parts.items():
        assert made.strip() in html, id
    assert set(page_parts(shown, 13)) == {"run-head", "run-rail"}


def test_a_missing_execution_says_where_to_look(http: TestClient) -> None:
    assert "There is no execution 4711." in page(http, "/executions/4711", 404)


def test_records_outlive_the_code_that_wrote_them(http: TestClient, engine: Engine) -> None:
    execution, _ = engine.run(example())
    with transaction() as session:
        session.execute(
            text(
                "UPDATE workflow_lineage SET output = jsonb_build_object('schema', 0)"
                " WHERE output IS NOT NULL AND step <> 'resolve_contract'"
            )
        )
    assert len(states(run_page(http, execution.id))) == 13
    _, records = read(execution.id)
    assert page(http, f"/executions/{execution.id}/records/{records[3].sequence}")


def test_the_orders_of_an_execution_show_as_they_stand_now(
    http: TestClient, engine: Engine
) -> None:
    execution, _ = engine.run()
    html = run_page(http, execution.id)
    assert "as they stand now" not in html
    assert "data-live=" not in html
    trip = trade(execution_id=execution.id)
    html = run_page(http, execution.id)
    orders = part(html, "run-orders")
    for said in ("Entry", "Stop", "Target", "100 of 100", "+0.02", f"/journal/{trip.id}"):
        assert said in orders, said
    # They live on after the execution, and so does the page.
    assert 'data-live="/live/orders?known=' in html


def test_orders_come_with_the_news_of_a_run(engine: Engine) -> None:
    execution, _ = engine.run()
    trade(execution_id=execution.id)
    with transaction() as session:
        row = session.get_one(Execution, execution.id)
        events = _parts_by(engine.clock)(session, row, 0)
    assert b"run-orders" in events[0]
    assert b"as they stand now" in events[0]
