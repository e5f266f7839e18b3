"""The first page: with nothing, with a little, and when something is wrong."""

import re
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.core import heartbeats
from backend.core.database import transaction
from backend.core.outbox import outbox
from backend.executions import gateway_states
from backend.executions.models import AiDay, AiReservation
from backend.overview import due, gateway, runs
from backend.overview.checklist import EXAMPLE_AUTHOR
from backend.portfolio import halts
from backend.strategies import prompts
from backend.strategies import service as strategies
from tests.support.kept_orders import drifted, trade
from tests.support.kept_orders import look as kept_look
from tests.support.live_engine import FRIDAY, Engine, definition
from tests.support.web_client import Api, text_of

HOSTILE = "<script>alert('x')</script>"


def page(http: TestClient, path: str = "/") -> str:
    response = http.get(path)
    assert response.status_code == 200, response.text
    return text_of(response)


def part(html: str, id: str) -> str:
    """One card of the page."""
    found = re.search(rf'<section class="card[^"]*" id="{id}".*?</section>', html, re.DOTALL)
    assert found, f"no part {id}"
    return found[0]


def look(engine: Engine) -> None:
    gateway_states.observe(engine.tools.broker, engine.clock)


# --- an empty house ------------------------------------------------------------------------------


def test_an_empty_house_says_of_every_part_what_will_be_there(http: TestClient) -> None:
    html = page(http)
    assert "Nothing has run in the last 24 hours." in part(html, "runs")
    assert "No execution is parked" in part(html, "troubles")
    assert "No signal yet." in part(html, "decisions")
    assert "Nobody has looked at the gateway yet." in part(html, "gateway")
    assert "No schedule is switched on." in part(html, "due")
    assert "$0.0000 of $5.00" in part(html, "money")
    assert "None." in part(html, "approvals")


def test_first_steps_are_told_with_their_state_and_how_to_go_on(http: TestClient) -> None:
    steps = part(page(http), "checklist")
    assert re.findall(r"<strong>\d\. ([\w ]+)</strong>", steps) == [
        *("Gateway", "Paper account", "Model key", "Limits", "First strategy", "First run")
    ]
    assert re.findall(r'data-state="(\w+)"', steps) == [
        *("warn", "warn", "info", "good", "warn", "warn")
    ]
    assert "2 of 6 done" in steps
    assert "the rule-based analyst answers" in steps
    assert 'href="/strategies/new"' in steps
    assert "./glassbox run STRATEGY" in steps


def test_first_steps_go_once_they_are_done(http: TestClient, engine: Engine) -> None:
    look(engine)
    engine.run()
    html = page(http)
    assert 'id="checklist"' not in html
    assert "6 of 6 done" in page(http, "/?checklist=true")


def test_the_example_is_not_yet_a_strategy_of_one_s_own(http: TestClient, engine: Engine) -> None:
    with transaction() as session:
        prompts.add_defaults(session, engine.clock)
        strategy = strategies.create(
            session, engine.clock, document=definition(), author=EXAMPLE_AUTHOR
        )
    engine.executor.run(engine.start(strategy)[0])
    steps = part(page(http), "checklist")
    assert "Only the example is there." in steps
    assert "Only the example has run." in steps
    assert "Build your own" in steps


def test_first_steps_can_be_dismissed_and_brought_back(http: TestClient) -> None:
    response = http.post("/overview/checklist/dismiss")
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert 'id="checklist"' not in page(http)
    assert 'id="checklist"' in page(http, "/?checklist=true")


def test_a_model_key_is_told_of_but_never_shown(
    http: TestClient, set_env: Callable[..., None]
) -> None:
    set_env(OPENAI_API_KEY="sk-this-is-a-secret-key-of-someone")
    html = page(http)
    assert "A key is set" in html
    assert "sk-this" not in html


# --- what ran ------------------------------------------------------------------------------------


def test_runs_are_drawn_by_hour_and_one_by_one(http: TestClient, engine: Engine) -> None:
    execution, _ = engine.run()
    html = part(page(http), "runs")
    assert f'<a href="/executions/{execution.id}" aria-label="Always long, AAPL: observed">' in html
    assert "20 Nov 20:00 to 20:59 UTC: 1 observed" in html
    assert "since=2026-11-20T20:00Z&amp;until=2026-11-20T21:00Z" in html
    assert "1 observed" in html
    linked = page(http, "/executions?since=2026-11-20T20:00Z&until=2026-11-20T21:00Z")
    assert f'data-row="/executions/{execution.id}"' in linked
    assert "data-row" not in page(http, "/executions?until=2026-11-20T20:00Z")


def test_yesterday_is_not_part_of_the_last_day(engine: Engine) -> None:
    engine.run()
    with transaction() as session:
        assert runs.day(session, FRIDAY).total == 1
        assert runs.day(session, FRIDAY + timedelta(hours=25)).total == 0


def test_decisions_are_shown_with_their_prices(http: TestClient, engine: Engine) -> None:
    execution, records = engine.run()
    signal = next(each.output for each in records if each.step == "generate_signal")
    assert signal is not None
    html = part(page(http), "decisions")
    assert f'href="/executions/{execution.id}"' in html
    assert "BUY" in html
    assert f"{Decimal(signal['signal']['entry']).normalize():,f}" in html


def test_what_failed_and_what_is_parked_say_why_and_what_to_do(
    http: TestClient, engine: Engine
) -> None:
    failed, _ = engine.run(definition(symbols=["APPL"]))
    parked = engine.start(engine.save(definition(name="Another")))[0]
    engine.gateway.control.session("logged_out")
    engine.executor.run(parked)
    html = part(page(http), "troubles")
    assert html.index(f"/executions/{parked}") < html.index(f'href="/executions/{failed.id}"')
    assert "log in" in html
    assert "It goes on by itself" in html
    assert "APPL" in html
    assert f'href="/executions/rerun?id={failed.id}"' in html


def test_many_failures_of_one_reason_are_one_line(http: TestClient, engine: Engine) -> None:
    strategy = engine.save(definition(symbols=["APPL", "MSFTT"]))
    for execution_id in engine.start(strategy):
        engine.executor.run(execution_id)
    html = part(page(http), "troubles")
    assert "2 executions for this reason" in html
    assert html.count("Run again …") == 1


def test_names_of_others_are_shown_as_text(http: TestClient, engine: Engine) -> None:
    engine.save(definition(name=HOSTILE), is_enabled=True)
    engine.run(definition(name=f"{HOSTILE} 2", symbols=["APPL"]))
    html = page(http)
    assert HOSTILE not in html
    assert "&lt;script&gt;" in html


def test_a_pulled_kill_switch_stands_on_top(http: TestClient, engine: Engine) -> None:
    assert "Halted." not in page(http)
    with transaction() as session:
        halts.pull(session, engine.clock, scope="all", reason=f"rest {HOSTILE}", actor="person:ada")
    html = page(http)
    assert "All trading is halted since 2026-11-20 20:30 UTC by person:ada" in html
    assert "./glassbox release" in html
    assert HOSTILE not in html


def test_the_file_that_halts_stands_on_top(http: TestClient, home: Path) -> None:
    halts.write_file(halts.file(), "fire drill")
    try:
        assert "fire drill" in page(http)
    finally:
        halts.file().unlink()


# --- the gateway ---------------------------------------------------------------------------------


def test_the_session_is_a_line_up_to_the_next_login(http: TestClient, engine: Engine) -> None:
    look(engine)
    engine.advance(minutes=1)
    engine.gateway.control.session("logged_out")
    look(engine)
    engine.advance(minutes=1)
    engine.gateway.control.session("ready")
    look(engine)
    html = part(page(http), "gateway")
    assert html.count("<title>ready, DU") == 2
    assert "<title>logged out," in html
    told = re.search(r"Next forced login in <strong>(\d) h \d+ min</strong>", html)
    # Midnight in New York is eight hours and a half after 15:30; the gateway may name less.
    assert told
    assert int(told[1]) <= 8


def test_a_time_in_which_nobody_looked_stays_empty(engine: Engine) -> None:
    look(engine)
    engine.advance(hours=3)
    look(engine)
    with transaction() as session:
        line = gateway.line(session, engine.clock.now())
    first, second = line.stretches
    assert first.start + first.width < second.start
    assert line.now == pytest.approx(second.start, abs=0.01)
    assert line.login is not None
    assert line.login > line.now


def test_a_login_that_has_passed_is_not_announced(engine: Engine) -> None:
    look(engine)
    engine.advance(hours=12)
    with transaction() as session:
        assert gateway.line(session, engine.clock.now()).login_at is None


# --- what is due ---------------------------------------------------------------------------------


def test_the_next_due_are_told_in_the_exchange_s_time(http: TestClient, engine: Engine) -> None:
    engine.save(definition(name="Later", schedule__when="0 12 * * *"), is_enabled=True)
    engine.save(definition(name="Sooner"), is_enabled=True)
    engine.save(definition(name="Off"))
    html = part(page(http), "due")
    assert html.index("Later") < html.index("Sooner")
    assert "2026-11-23 15:30:00 EST" in html
    assert "Off" not in html


def test_only_five_are_told(engine: Engine) -> None:
    for number in range(7):
        engine.save(definition(name=f"Number {number}"), is_enabled=True)
    with transaction() as session:
        assert len(due.upcoming(session, FRIDAY)) == 5


def test_what_is_overdue_asks_for_beat(http: TestClient, engine: Engine) -> None:
    engine.save(is_enabled=True)
    engine.advance(days=3, minutes=10)
    html = part(page(http), "due")
    assert "overdue by" in html
    assert "is it running?" in html


# --- money ---------------------------------------------------------------------------------------


def spend(usd: str, tokens: int) -> None:
    with transaction() as session:
        session.add(AiDay(day=FRIDAY.date(), tokens=tokens, cost_usd=Decimal(usd)))
        session.flush()
        session.add(AiReservation(id="1", day=FRIDAY.date(), tokens=1000, cost_usd=Decimal("0.5")))


def test_money_is_told_as_reserved_and_settled(http: TestClient) -> None:
    spend("4.5", 1_500_000)
    html = part(page(http), "money")
    assert "$4.5000 of $5.00" in html
    assert "$4.0000 settled, $0.5000 reserved at its worst case by 1 call under way" in html
    assert "1,500,000 of 2,000,000" in html
    assert "Money: 90 percent used" in html
    assert "fill-state-warn" in html


# --- parts ---------------------------------------------------------------------------------------


def parts_of(http: TestClient) -> dict[str, str]:
    html = page(http, "/overview/health")
    rows = re.findall(r'font-medium">(\w+)</span>.*?data-state="(\w+)"', html, re.DOTALL)
    return dict(rows)


def test_the_page_does_not_wait_for_the_parts(http: TestClient, engine: Engine) -> None:
    assert 'data-lazy="/overview/health"' in page(http)
    look(engine)
    http.app.state.standing = gateway_states.reader(engine.clock)  # type: ignore[attr-defined]
    http.app.state.health._standing = http.app.state.standing  # type: ignore[attr-defined]
    heartbeats.beat("beat", "here:1", engine.clock)
    heartbeats.beat("worker", "celery@here", engine.clock)
    heartbeats.beat("tracker", "here:2", engine.clock)
    assert outbox.flush(5)
    found = parts_of(http)
    parts = ("database", "queue", "storage", "gateway", "beat", "worker", "tracker", "analyst")
    assert set(found) == set(parts)
    assert set(found.values()) == {"good"}
    # Asked for once, it stands in the page itself for a while.
    assert 'data-lazy="/overview/health"' not in page(http)


def test_what_is_away_says_what_to_do(http: TestClient, engine: Engine) -> None:
    heartbeats.beat("beat", "here:1", engine.clock)
    assert outbox.flush(5)
    engine.advance(minutes=5)
    found = parts_of(http)
    assert (found["beat"], found["worker"], found["gateway"]) == ("bad", "bad", "warn")
    html = page(http, "/overview/health")
    assert "here:1 was last seen at 2026-11-20 20:30:00 UTC." in html
    assert "Schedules stand still." in html
    assert "No worker was seen in the last day." in html


# --- REST ----------------------------------------------------------------------------------------


def test_programs_get_the_same(api: Api, engine: Engine) -> None:
    look(engine)
    engine.save(definition(name="Daily"), is_enabled=True)
    failed, _ = engine.run(definition(symbols=["APPL"]))
    spend("1.5", 10)
    found: dict[str, Any] = api.get("/overview")
    assert found["gateway"]["label"] == "SIMULATED"
    assert found["runs_last_day"] == {"failed": 1}
    assert [each["strategy"] for each in found["next_due"]] == ["Daily"]
    assert [each["execution_id"] for each in found["troubles"]] == [failed.id]
    assert found["ai_today"] == {
        "usd": "1.50000000",
        "usd_limit": "5",
        "tokens": 10,
        "tokens_limit": 2_000_000,
        "reserved_usd": "0.50000000",
        "reserved_tokens": 1000,
    }


def test_the_money_at_stake_stands_on_top_with_its_moment(http: TestClient) -> None:
    assert "Open risk" not in page(http)
    trade()
    kept_look()
    html = page(http)
    figures = html.partition('id="account"')[2].partition("</section>")[0]
    for said in ("$100,000.00", "+$120.50", "$900.00", "0.90 % of equity", "15:30 EST"):
        assert said in figures, said
    assert re.search(r'href="/orders">2</a>', figures)


def test_a_difference_that_blocks_orders_stands_on_top(http: TestClient) -> None:
    trade()
    kept_look()
    drifted(100, 80)
    html = page(http)
    assert "Our books and the broker&#39;s differ" in html or "broker's differ" in html
    assert "/portfolio?account=DUP123456" in html


def test_the_page_is_told_when_orders_or_questions_change(http: TestClient, engine: Engine) -> None:
    def mark() -> str:
        found = re.search(r'data-live="/live/overview\?known=([^"]+)"', page(http))
        assert found
        return found[1]

    before = mark()
    assert mark() == before
    trade()
    assert mark() != before
