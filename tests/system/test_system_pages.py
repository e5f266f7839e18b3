"""The machine's own pages: parts, workers, stores and settings, there and away."""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from backend.core import heartbeats, redis
from backend.core.clock import SystemClock
from backend.core.database import transaction
from backend.core.outbox import outbox
from backend.executions import gateway_states
from backend.portfolio.books.models import AccountBooks
from backend.system import workers
from tests.support.live_engine import FRIDAY, Engine
from tests.support.web_client import Api, text_of

ROOT = Path(__file__).parents[2]


def page(http: TestClient, path: str = "/system", status: int = 200) -> str:
    response = http.get(path)
    assert response.status_code == status, response.text
    return text_of(response)


@pytest.fixture
def redis_away(engine: Engine, set_env: Callable[..., None]) -> Iterator[None]:
    redis.client.cache_clear()
    set_env(REDIS_URL="redis://127.0.0.1:1/0")
    yield
    redis.client.cache_clear()


def beat(kind: str, name: str, engine: Engine) -> None:
    heartbeats.beat(kind, name, engine.clock)
    assert outbox.flush(5)


# --- the page ------------------------------------------------------------------------------------


def test_the_page_comes_at_once_and_leaves_the_asking_to_its_pieces(http: TestClient) -> None:
    html = page(http)
    assert re.findall(r'data-lazy="([^"]+)"', html) == [
        *("/system/workers", "/system/stores", "/overview/health")
    ]
    assert "Nobody has looked at" in html
    assert 'href="/system/flower"' not in html
    assert "Name its address in FLOWER_URL." in html
    for path in ("/system/settings", "/system/audit"):
        assert f'href="{path}"' in html


def test_the_gateway_s_session_is_told_as_it_was_last_seen(
    http: TestClient, engine: Engine
) -> None:
    gateway_states.observe(engine.tools.broker, engine.clock)
    html = page(http)
    assert re.search(r"DU\d+, paper", html)
    assert "simulated" in html
    assert "2026-11-20 15:30" not in html.partition("Next forced login")[2].partition("</dd>")[0]


def test_an_execution_s_logs_have_a_page(http: TestClient) -> None:
    response = http.get("/system/logs?execution=%2342")
    assert (response.status_code, response.headers["location"]) == (303, "/executions/42/logs")


@pytest.mark.parametrize("number", ["", "abc", "0", "-1", "9" * 20, "<script>"])
def test_logs_of_what_is_no_number_are_refused(http: TestClient, number: str) -> None:
    html = page(http, f"/system/logs?execution={number}", 422)
    assert "is no number of an execution, such as 42." in html
    assert "<script>'" not in html


def test_flower_is_linked_where_it_is_known(http: TestClient, set_env: Callable[..., None]) -> None:
    set_env(FLOWER_URL="http://127.0.0.1:5555")
    assert 'href="/system/flower"' in page(http)


# --- workers -------------------------------------------------------------------------------------


def test_without_worker_and_beat_it_says_so_and_how_to_start_them(http: TestClient) -> None:
    html = page(http, "/system/workers")
    assert "No worker." in html
    assert "No Beat." in html
    assert "No tracker." in html
    assert "./glassbox up" in html


def test_what_waits_is_counted(http: TestClient, engine: Engine) -> None:
    engine.start(engine.save())
    engine.advance(minutes=2)
    html = page(http, "/system/workers")
    assert re.search(r"queued</div><div class=\"stat-value\">1<", html)
    assert "the oldest waits 2 min" in html


def test_who_gives_no_more_signs_of_life_is_away(http: TestClient, engine: Engine) -> None:
    beat("worker", "celery@gone", engine)
    beat("beat", "gone:1", engine)
    engine.advance(minutes=5)
    html = page(http, "/system/workers")
    assert "It gave its last sign of life at" in html
    assert ">silent</span>" in html


def test_who_follows_which_account_is_shown(http: TestClient, engine: Engine) -> None:
    beat("tracker", "here:7", engine)
    with transaction() as session:
        session.add(AccountBooks(account="DU7", followed_by="here:7", read_at=FRIDAY))
    words = " ".join(re.sub(r"<[^>]+>", "", page(http, "/system/workers")).split())
    assert "Tracker here:7, last seen" in words
    assert "DU7: its stream is down, readings tell; orders and fills read at" in words


def test_who_is_alive_and_does_not_answer_costs_a_second_and_no_more(
    http: TestClient, engine: Engine
) -> None:
    beat("worker", "celery@deaf", engine)
    begun = time.monotonic()
    html = page(http, "/system/workers")
    # On a busy machine all else takes seconds, too.
    assert time.monotonic() - begun < workers.ANSWER_SECONDS + 10
    assert "no answer within 1.2 s" in html


def test_signs_of_life_are_forgotten_after_a_day(engine: Engine) -> None:
    beat("worker", "celery@old", engine)
    engine.advance(days=2)
    beat("worker", "celery@new", engine)
    assert list(heartbeats.last_seen("worker")) == ["celery@new"]


def test_a_restart_leaves_nobody_behind(engine: Engine) -> None:
    for process in ("here:1", "here:2", "here:3"):
        beat("beat", process, engine)
        engine.advance(seconds=10)
        beat("beat", process, engine)
        engine.advance(minutes=5)
    assert [each.name for each in workers.beats(engine.clock.now())] == ["here:3"]


def test_of_two_the_one_that_is_gone_for_good_is_told_of(engine: Engine) -> None:
    beat("worker", "celery@one", engine)
    beat("worker", "celery@two", engine)
    engine.advance(minutes=5)
    beat("worker", "celery@one", engine)
    assert [each.name for each in workers.workers(engine.clock.now())] == [
        *("celery@one", "celery@two")
    ]
    engine.advance(minutes=1)
    beat("worker", "celery@three", engine)
    assert list(heartbeats.missed("worker", engine.clock.now())) == ["celery@three", "celery@one"]


def test_without_redis_the_pieces_say_so(http: TestClient, redis_away: None) -> None:
    assert "Redis does not answer" in page(http, "/system/workers")
    html = page(http, "/system/stores")
    assert "It does not answer" in html
    assert "PostgreSQL 1" in html


@pytest.fixture
def worker(redis_server: str, db: str) -> Iterator[str]:
    """A real worker process of two threads; its name."""
    name = "celery@of_this_test"
    command = [sys.executable, "-m", "celery", "-A", "backend.worker", "worker", "-n", name]
    options = ["--pool", "threads", "--concurrency", "2", "--loglevel", "WARNING"]
    with subprocess.Popen([*command, *options], cwd=ROOT) as process:
        try:
            yield name
        finally:
            process.terminate()
            process.wait(30)


def test_a_worker_tells_what_it_does(worker: str, set_env: Callable[..., None]) -> None:
    clock = SystemClock()
    deadline = time.monotonic() + 60
    while not (found := [each for each in workers.workers(clock.now()) if each.threads]):
        assert time.monotonic() < deadline, "The worker gave no sign of life."
        time.sleep(0.5)
    [answered] = found
    assert (answered.name, answered.threads, answered.state) == (worker, 2, "good")
    assert answered.process_id
    assert clock.now() - answered.last_seen_at < timedelta(minutes=1)


# --- stores --------------------------------------------------------------------------------------


def test_stores_are_told_with_their_sizes(http: TestClient, engine: Engine) -> None:
    engine.run()
    html = page(http, "/system/stores")
    assert "PostgreSQL 1" in html
    assert ">migrated</span>" in html
    assert "workflow_lineage</code>" in html
    assert "workflow_lineage_20" not in html
    assert re.search(r"How many</dt><dd>\d\d?</dd>", html)
    assert "Redis " in html


def test_a_database_that_is_behind_says_how_to_migrate(
    http: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backend.system.stores._newest_migration", lambda: "another")
    html = page(http, "/system/stores")
    assert ">not migrated</span>" in html
    assert "The code knows <code>another</code>" in html


# --- settings ------------------------------------------------------------------------------------


def row_of(html: str, name: str) -> str:
    found = re.search(rf'<tr id="{name.lower()}">.*?</tr>', html, re.DOTALL)
    assert found, f"no row {name}"
    return found[0]


def test_settings_say_where_they_come_from(
    http: TestClient, set_env: Callable[..., None], home: Path
) -> None:
    (home / ".env").write_text("AI_DAILY_USD=7\nLEASE_SECONDS=\n")
    try:
        set_env(AI_DAILY_TOKENS="1234")
        html = page(http, "/system/settings")
    finally:
        (home / ".env").unlink()
    assert "1234" in row_of(html, "AI_DAILY_TOKENS")
    assert ">environment</span>" in row_of(html, "AI_DAILY_TOKENS")
    assert "default: 2000000" in row_of(html, "AI_DAILY_TOKENS")
    assert ">.env</span>" in row_of(html, "AI_DAILY_USD")
    assert ">default</span>" in row_of(html, "LEASE_SECONDS")
    assert "Executions at a time in one worker." in row_of(html, "WORKER_THREADS")


def test_secrets_are_told_to_be_set_and_no_more(
    http: TestClient, set_env: Callable[..., None]
) -> None:
    key = "sk-" + "k" * 37
    set_env(OPENAI_API_KEY=key, S3_SECRET_KEY="short")
    html = page(http, "/system/settings")
    assert key not in html
    assert "short<" not in html
    assert "set, hidden" in row_of(html, "OPENAI_API_KEY")
    assert "set, hidden" in row_of(html, "S3_SECRET_KEY")
    assert "not set" in row_of(html, "S3_ACCESS_KEY")
    assert "37" not in row_of(html, "OPENAI_API_KEY")


def test_passwords_in_addresses_are_hidden(http: TestClient, db: str) -> None:
    html = row_of(page(http, "/system/settings"), "DATABASE_URL")
    password = db.partition("://")[2].partition("@")[0].partition(":")[2]
    assert password not in html
    assert "[hidden]@" in html


# --- REST ----------------------------------------------------------------------------------------


def test_programs_get_the_parts_with_advice(api: Api, engine: Engine) -> None:
    beat("worker", "celery@here", engine)
    found = api.get("/system/parts")
    parts = {part["name"]: part for part in found["parts"]}
    assert parts["worker"]["is_ready"]
    assert not parts["beat"]["is_ready"]
    assert "Schedules stand still" in parts["beat"]["advice"]
    assert found["as_of"].startswith(FRIDAY.date().isoformat())
