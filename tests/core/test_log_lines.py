"""What is said while an execution runs is kept for its page; secrets and other talk are not."""

from typing import Any

import pytest
import structlog

from backend.core import log_lines, logging, redis
from backend.core.errors import TemporaryError
from backend.core.outbox import outbox
from tests.support.live_engine import Engine


@pytest.fixture(autouse=True)
def _configured(redis_server: str) -> None:
    logging.configure("test")


def lines(execution_id: int) -> list[dict[str, Any]]:
    assert outbox.flush(10)
    return log_lines.read(execution_id)


def test_lines_said_inside_an_execution_are_kept_in_order() -> None:
    logger = logging.get_logger("anything")
    logger.info("outside")
    with structlog.contextvars.bound_contextvars(execution=7, step="fetch_bars"):
        logger.debug("asked", path="/iserver/marketdata/history")
        logger.warning("slow", seconds=3.5)
    logger.info("outside")
    kept = lines(7)
    assert [(line["event"], line["level"], line["step"]) for line in kept] == [
        ("asked", "debug", "fetch_bars"),
        ("slow", "warning", "fetch_bars"),
    ]
    assert kept[1]["seconds"] == 3.5
    assert kept[0]["timestamp"] < kept[1]["timestamp"]
    assert lines(8) == []


def test_secrets_are_hidden_before_a_line_is_kept() -> None:
    with structlog.contextvars.bound_contextvars(execution=7):
        logging.get_logger("x").info("calling", api_key="abc", url="https://u:secretpass@host/")
    [line] = lines(7)
    assert line["api_key"] == "[hidden]"
    assert "secretpass" not in str(line)


def test_the_newest_thousand_lines_are_kept_for_a_week() -> None:
    logger = logging.get_logger("chatter")
    with structlog.contextvars.bound_contextvars(execution=7):
        for number in range(log_lines.MOST_LINES + 5):
            logger.debug("line", number=number)
    kept = lines(7)
    assert (len(kept), kept[0]["number"], kept[-1]["number"]) == (1000, 5, 1004)
    assert 0 < redis.client().ttl("glassbox:log:7") <= 7 * 86_400


def test_a_line_that_is_too_long_is_cut_and_still_shown() -> None:
    with structlog.contextvars.bound_contextvars(execution=7):
        logging.get_logger("x").info("dump", text="é" * 20_000)
    [line] = lines(7)
    assert line["event"].startswith('{"level":"info"')
    assert len(line["event"]) <= 8_000


def test_an_execution_logs_each_step_under_its_name(engine: Engine) -> None:
    execution, _ = engine.run()
    kept = lines(execution.id)
    assert {"preflight", "fetch_bars", "size_and_check_risk"} <= {line.get("step") for line in kept}
    assert kept[-1]["event"] == "execution_ran"


def test_without_redis_the_page_is_told_so(set_env: Any) -> None:
    redis.client.cache_clear()
    set_env(REDIS_URL="redis://127.0.0.1:1/0")
    try:
        with pytest.raises(TemporaryError, match="Redis is away"):
            log_lines.read(7)
    finally:
        redis.client.cache_clear()
