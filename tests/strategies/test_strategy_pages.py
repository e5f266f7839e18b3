"""The list of strategies and the page of one: what they did, play, switch and archive."""

import html
import re
from datetime import timedelta
from decimal import Decimal
from time import perf_counter

from sqlalchemy import select, text
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions import leases, of_strategies
from backend.executions.models import Execution, Status
from backend.strategies import service
from backend.web.audit import AuditRow
from tests.support.live_engine import FRIDAY, Engine, definition, example
from tests.support.web_client import text_of


def page(http: TestClient, path: str = "/strategies") -> str:
    response = http.get(path)
    assert response.status_code == 200, response.text
    return text_of(response)


def names(shown: str) -> list[str]:
    return [html.unescape(each) for each in re.findall(r'font-medium" href="[^"]+">([^<]+)', shown)]


def test_an_empty_house_says_how_to_begin(http: TestClient) -> None:
    shown = page(http)
    assert "Make your first strategy" in shown
    assert "/strategies/new?template=example" in shown


def test_a_strategy_is_listed_with_what_it_did(http: TestClient, engine: Engine) -> None:
    strategy = engine.save(example(), is_enabled=True)
    execution_id = engine.start(strategy)[0]
    engine.executor.run(execution_id)
    shown = page(http)
    assert "30 minutes before the close of each session of XNYS" in shown
    assert "2026-11-23 15:30:00 EST" in shown
    assert 'data-state="held"' in shown
    assert re.search(rf'<a href="/executions/{execution_id}"[^>]*><rect', shown)
    assert 'aria-checked="true"' in shown
    assert 'data-state="simulated"' in shown


def test_while_it_runs_the_button_says_how_far_it_is(http: TestClient, engine: Engine) -> None:
    strategy = engine.save()
    assert "▶" in page(http)
    execution_id = engine.start(strategy)[0]
    assert "queued" in page(http)
    leases.take(execution_id, first_step="preflight", now=FRIDAY)
    for path in ("/strategies", f"/strategies/{strategy.id}"):
        shown = page(http, path)
        assert f'href="/executions/{execution_id}"><span class="spinner"' in shown
        assert "step 1 of 13" in shown
        assert "▶" not in shown


def test_play_leads_to_the_execution_and_once_more_to_the_same(
    http: TestClient, engine: Engine
) -> None:
    strategy = engine.save()
    played = http.post(f"/strategies/{strategy.id}/play")
    assert (played.status_code, played.headers["location"]) == (303, "/executions/1")
    again = http.post(f"/strategies/{strategy.id}/play")
    assert (again.status_code, again.headers["location"]) == (303, "/executions/1")
    with transaction() as session:
        execution = session.get_one(Execution, 1)
        assert (execution.trigger, execution.requested_by) == ("play", "person:ann")
        actions = list(session.scalars(select(AuditRow.action)))
    assert actions.count("strategy.played") == 1


def test_play_starts_the_symbols_that_are_not_under_way(http: TestClient, engine: Engine) -> None:
    strategy = engine.save(definition(symbols=["AAPL", "MSFT", "NVDA"]))
    engine.start(strategy, ["MSFT"])
    played = http.post(f"/strategies/{strategy.id}/play")
    assert played.headers["location"] == f"/executions?strategy_id={strategy.id}"
    with transaction() as session:
        assert sorted(session.scalars(select(Execution.symbol))) == ["AAPL", "MSFT", "NVDA"]
    assert http.get(played.headers["location"]).status_code == 200


def test_the_switch_goes_both_ways_and_is_noted(http: TestClient, engine: Engine) -> None:
    strategy = engine.save()
    path = f"/strategies/{strategy.id}/switch"
    back = "/strategies?switch=off"
    on = http.post(path, data={"is_enabled": "true", "back": back})
    assert (on.status_code, on.headers["location"]) == (303, back)
    with transaction() as session:
        assert service.get(session, strategy.id).is_enabled
    off = http.post(path, data={"is_enabled": "false", "back": "https://elsewhere.example"})
    assert off.headers["location"] == f"/strategies/{strategy.id}"
    with transaction() as session:
        assert not service.get(session, strategy.id).is_enabled
        rows = session.scalars(select(AuditRow).where(AuditRow.action == "strategy.switched")).all()
        assert [row.after for row in rows] == [{"is_enabled": True}, {"is_enabled": False}]
    assert http.post(path, data={"is_enabled": "perhaps"}).status_code == 422
    assert http.post(path).status_code == 422


def test_an_archived_strategy_is_gone_and_its_executions_stay(
    http: TestClient, engine: Engine
) -> None:
    strategy = engine.save()
    execution_id = engine.start(strategy)[0]
    assert "cannot be undone" in page(http, f"/strategies/{strategy.id}")
    assert http.post(f"/strategies/{strategy.id}/archive").headers["location"] == "/strategies"
    assert http.get(f"/strategies/{strategy.id}").status_code == 404
    assert http.post(f"/strategies/{strategy.id}/play").status_code == 404
    assert http.get(f"/executions/{execution_id}").status_code == 200


def test_the_page_of_one_says_in_words_what_it_does_and_why_it_did_not_trade(
    http: TestClient, engine: Engine
) -> None:
    strategy = engine.save(example())
    engine.executor.run(engine.start(strategy)[0])
    shown = page(http, f"/strategies/{strategy.id}")
    assert "It trades only when the rules and the model&#39;s view say the same." in shown
    assert "Loses at most 1 % of the equity at its stop." in shown
    assert "HOLD: " in shown
    assert shown.count("EST</time>") >= 5


def test_search_finds_names_and_symbols_and_takes_wild_cards_for_letters(
    http: TestClient, engine: Engine
) -> None:
    engine.save(definition(name="Apples 100%"))
    engine.save(definition(name="Pears", symbols=["MSFT"]))
    assert names(page(http, "/strategies?search=apples")) == ["Apples 100%"]
    assert names(page(http, "/strategies?search=msft")) == ["Pears"]
    assert names(page(http, "/strategies?search=0%25")) == ["Apples 100%"]
    assert "No strategy fits" in page(http, "/strategies?search=_____________")
    assert "No strategy fits" in page(http, "/strategies?switch=on")


def test_a_thousand_strategies_are_paged_and_quick(http: TestClient, engine: Engine) -> None:
    first = engine.save(definition(name="S 0000"))
    fill(first.id)
    seen: list[str] = []
    path: str | None = "/strategies"
    while path is not None:
        shown = page(http, path)
        seen += names(shown)
        later = re.search(r'rel="next" href="([^"]+)"', shown)
        path = html.unescape(later[1]) if later else None
    assert seen == [f"S {number:04}" for number in range(1000)]
    before = re.search(r'rel="prev" href="([^"]+)"', shown)
    assert before is not None
    assert names(page(http, html.unescape(before[1]))) == seen[-50:-25]
    begun = perf_counter()
    page(http, "/strategies?after=S%200500")
    assert perf_counter() - begun < 0.5


def test_what_the_models_cost_is_the_mean_of_seven_days(engine: Engine) -> None:
    strategy = engine.save()
    for days in (0, 3, 8):
        engine_id = engine.start(strategy)[0]
        with transaction() as session:
            execution = session.get_one(Execution, engine_id)
            execution.cost_usd, execution.status = Decimal("0.7"), Status.FINISHED
            execution.created_at = FRIDAY - timedelta(days=days)
        engine.advance(seconds=1)
    with transaction() as session:
        found = of_strategies.figures(session, engine.clock.now(), [strategy.id])
    assert found[strategy.id].cost_per_day == Decimal("0.2")
    assert len(found[strategy.id].runs) == 3


def fill(strategy_id: int) -> None:
    """999 more strategies like it, and a hundred executions of each."""
    with transaction() as session:
        session.execute(
            text("""
              INSERT INTO strategies (name, is_enabled, next_due_at, created_at, updated_at,
                version_number)
              SELECT 'S ' || to_char(number, 'FM0000'), number % 2 = 0, next_due_at, created_at,
                updated_at, 1
              FROM strategies, generate_series(1, 999) AS number WHERE id = :id
            """),
            {"id": strategy_id},
        )
        session.execute(
            text("""
              INSERT INTO strategy_versions (strategy_id, number, definition, created_at,
                created_by)
              SELECT strategies.id, 1, definition, strategy_versions.created_at, created_by
              FROM strategies, strategy_versions
              WHERE strategy_versions.strategy_id = :id AND strategies.id <> :id
            """),
            {"id": strategy_id},
        )
        session.execute(
            text("""
              INSERT INTO executions (strategy_id, strategy_version_id, symbol, due_at, trigger,
                requested_by, prompt_versions, chain_head, status, outcome, created_at,
                record_count, tokens, cost_usd)
              SELECT strategy_id, id, 'AAPL', now() - hour * interval '1 hour', 'cron',
                'schedule', '{}', 'x', 'finished', 'held', now() - hour * interval '1 hour',
                0, 0, 0.01
              FROM strategy_versions, generate_series(1, 100) AS hour
            """)
        )
    with transaction() as session:
        session.execute(text("ANALYZE executions"))
