"""What machines ask: is it alive, is every part there, what does it count."""

from collections.abc import Callable, Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from backend.core import redis
from backend.core.database import transaction
from backend.executions.models import AiDay
from backend.storage.filesystem import FilesystemStorage
from tests.support.live_engine import FRIDAY, Engine, definition


@pytest.fixture
def redis_away(engine: Engine, set_env: Callable[..., None]) -> Iterator[None]:
    redis.client.cache_clear()
    set_env(REDIS_URL="redis://127.0.0.1:1/0")
    yield
    redis.client.cache_clear()


def test_a_process_that_answers_is_alive_whatever_else_is_away(
    http: TestClient, redis_away: None
) -> None:
    assert http.get("/health/live").json() == {"status": "live"}


def test_with_every_part_there_the_process_is_ready(http: TestClient) -> None:
    response = http.get("/health/ready")
    parts = response.json()["parts"]
    assert (response.status_code, response.json()["is_ready"]) == (200, True)
    assert set(parts) == {"database", "queue", "storage", "gateway", "analyst"}
    assert all(part["is_ready"] for part in parts.values())
    assert "simulated" in parts["gateway"]["detail"]
    assert "rule_based" in parts["analyst"]["detail"]


def test_without_redis_it_is_not_ready_and_says_which_part_is_away(
    http: TestClient, redis_away: None
) -> None:
    response = http.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["parts"]["queue"]["is_ready"] is False
    assert response.json()["parts"]["database"]["is_ready"] is True


def test_a_gateway_that_is_down_is_told_but_the_process_stays_ready(
    http: TestClient, engine: Engine
) -> None:
    engine.gateway.control.session("logged_out")
    response = http.get("/health/ready")
    assert response.status_code == 200
    gateway = response.json()["parts"]["gateway"]
    assert gateway["is_ready"] is False
    assert "log in" in gateway["detail"]


def test_a_folder_that_cannot_be_written_makes_it_not_ready(
    http: TestClient, engine: Engine
) -> None:
    storage = engine.tools.storage
    assert isinstance(storage, FilesystemStorage)
    storage.root.parent.mkdir(exist_ok=True)
    storage.root.write_text("a file where a folder should be")
    response = http.get("/health/ready")
    assert response.status_code == 503
    assert response.json()["parts"]["storage"]["is_ready"] is False


def counted(http: TestClient) -> dict[tuple[str, ...], float]:
    """Sample name and values of its labels in their alphabetical order -> value."""
    response = http.get("/metrics")
    assert response.status_code == 200, response.text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_metrics_count_executions_steps_calls_tokens_money_queue_and_lag(
    http: TestClient, engine: Engine
) -> None:
    engine.run()
    engine.start(engine.save(definition(name="Waiting")))
    with transaction() as session:
        session.add(AiDay(day=FRIDAY.date(), tokens=1_200, cost_usd="0.00065"))
    engine.advance(hours=1)
    found = counted(http)
    assert found["glassbox_executions_total", "observed", "observe_only"] == 1
    assert found["glassbox_executions_unfinished", "queued"] == 1
    assert found["glassbox_executions_unfinished", "parked"] == 0
    assert found["glassbox_step_records_1d", "finished", "preflight"] == 1
    assert found["glassbox_step_records_1d", "skipped", "place_orders"] == 1
    assert found["glassbox_step_seconds_p95_1d", "fetch_bars"] > 0
    assert found[("glassbox_ai_tokens_total",)] == 1_200
    assert found[("glassbox_ai_usd_total",)] == pytest.approx(0.00065)
    assert found[("glassbox_queue_depth",)] == 2
    assert found[("glassbox_lag_seconds",)] >= 3_600
    calls = {name[1:]: value for name, value in found.items() if "gateway_calls" in name[0]}
    assert sum(calls.values()) > 5
    assert any("history" in path and outcome == "ok" for outcome, path in calls)


def test_metrics_of_an_empty_house_are_zero_and_can_be_read(http: TestClient) -> None:
    found = counted(http)
    assert found["glassbox_executions_unfinished", "queued"] == 0
    assert found[("glassbox_lag_seconds",)] == 0
    assert found[("glassbox_ai_usd_total",)] == 0


def test_without_redis_the_metrics_of_the_database_are_still_there(
    http: TestClient, engine: Engine, redis_away: None
) -> None:
    found = counted(http)
    assert found["glassbox_executions_unfinished", "queued"] == 0
    assert ("glassbox_queue_depth",) not in found
