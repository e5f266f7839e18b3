"""Due strategies become executions exactly once, whoever dispatches, and however late."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, text

from backend.core import queue, redis
from backend.core.database import transaction
from backend.core.errors import Conflict, InvalidInput
from backend.core.settings import settings
from backend.executions import dispatch, reaper
from backend.executions.models import Execution, Status, Trigger
from backend.strategies import prompts
from backend.strategies import service as strategies
from backend.strategies.models import Strategy
from backend.workflow.outcome import Outcome
from tests.support.live_engine import FRIDAY, Engine, definition, read

EACH_MINUTE = {"when": "* * * * *"}
EACH_HOUR = {"when": "31 * * * *"}


def executions() -> list[Execution]:
    with transaction() as session:
        return list(session.scalars(select(Execution).order_by(Execution.id)))


def stored(strategy: Strategy) -> Strategy:
    with transaction() as session:
        return session.get_one(Strategy, strategy.id)


def due(engine: Engine, **changes: Any) -> Strategy:
    """A strategy that became due one minute ago."""
    document = definition(**{"schedule": EACH_MINUTE, **changes})
    strategy = engine.save(document, is_enabled=True)
    engine.advance(minutes=1)
    return strategy


def finish(execution_id: int) -> None:
    with transaction() as session:
        session.get_one(Execution, execution_id).status = Status.FINISHED


def waiting_messages() -> int:
    return redis.client().llen("celery")


def test_a_due_strategy_gets_one_execution_per_symbol_and_its_next_due_time(
    engine: Engine,
) -> None:
    strategy = due(engine, symbols=["AAPL", "MSFT"])
    assert dispatch.dispatch_due(engine.clock) == 2
    made = executions()
    assert [each.symbol for each in made] == ["AAPL", "MSFT"]
    for each in made:
        assert each.due_at == FRIDAY + timedelta(minutes=1)
        assert (each.trigger, each.status, each.requested_by) == (
            Trigger.CRON,
            Status.QUEUED,
            "schedule",
        )
        assert set(each.prompt_versions) == {"system", "chart", "view"}
    assert stored(strategy).next_due_at == FRIDAY + timedelta(minutes=2)
    assert waiting_messages() == 2


def test_what_is_dispatched_is_not_dispatched_again(engine: Engine) -> None:
    due(engine)
    assert [dispatch.dispatch_due(engine.clock) for _ in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("is_switched_off", [True, False], ids=["switched off", "archived"])
def test_what_is_out_of_use_is_never_due(engine: Engine, is_switched_off: bool) -> None:
    strategy = due(engine)
    with transaction() as session:
        found = strategies.get(session, strategy.id)
        if is_switched_off:
            found.is_enabled = False
        else:
            strategies.archive(session, engine.clock, found, actor="test")
    assert dispatch.dispatch_due(engine.clock) == 0


def test_four_dispatchers_at_once_make_each_execution_exactly_once(engine: Engine) -> None:
    with transaction() as session:
        prompts.add_defaults(session, engine.clock)
        for number in range(250):
            document = definition(name=f"Strategy {number}", schedule=EACH_MINUTE)
            strategies.create(
                session, engine.clock, document=document, author="test", is_enabled=True
            )
    engine.advance(minutes=1)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: dispatch.dispatch_due(engine.clock), range(8)))
    assert sum(made) == 250
    assert len({each.strategy_id for each in executions()}) == len(executions()) == 250
    assert waiting_messages() == 250
    assert dispatch.dispatch_due(engine.clock) == 0


def test_a_due_time_that_meets_an_unfinished_execution_is_kept_as_skipped(engine: Engine) -> None:
    due(engine)
    dispatch.dispatch_due(engine.clock)
    engine.advance(minutes=1)
    assert dispatch.dispatch_due(engine.clock) == 0
    first, second = executions()
    assert first.status is Status.QUEUED
    assert (second.status, second.outcome) == (Status.FINISHED, Outcome.SKIPPED)
    assert second.reason_code == "previous_unfinished"
    assert second.due_at == FRIDAY + timedelta(minutes=2)
    assert waiting_messages() == 1


def test_once_the_execution_before_it_is_finished_the_next_due_time_is_served(
    engine: Engine,
) -> None:
    due(engine)
    dispatch.dispatch_due(engine.clock)
    finish(executions()[0].id)
    engine.advance(minutes=1)
    assert dispatch.dispatch_due(engine.clock) == 1


def test_of_the_due_times_that_passed_while_nobody_looked_the_newest_is_served(
    engine: Engine,
) -> None:
    strategy = due(engine)
    engine.advance(hours=5)
    assert dispatch.dispatch_due(engine.clock) == 1
    assert executions()[0].due_at == engine.clock.now()
    next_due = stored(strategy).next_due_at
    assert next_due is not None
    assert next_due > engine.clock.now()


@pytest.mark.parametrize(
    ("schedule", "minutes_late", "outcome"),
    [
        (EACH_HOUR, 1, Outcome.OBSERVED),
        (EACH_HOUR, 3, Outcome.SKIPPED),
        ({**EACH_HOUR, "missed": "run", "run_if_late_minutes": 20}, 19, Outcome.OBSERVED),
        ({**EACH_HOUR, "missed": "run", "run_if_late_minutes": 20}, 21, Outcome.SKIPPED),
    ],
    ids=["punctual", "late and skipped", "late but run", "too late to run"],
)
def test_the_missed_run_policy_decides_what_still_runs(
    engine: Engine, schedule: dict[str, Any], minutes_late: int, outcome: Outcome
) -> None:
    due(engine, schedule=schedule)
    engine.advance(minutes=minutes_late)
    dispatch.dispatch_due(engine.clock)
    [execution] = executions()
    assert engine.executor.run(execution.id) is outcome
    assert len(read(execution.id)[1]) == 13


def test_a_cron_line_on_a_day_without_a_session_is_skipped_as_closed(engine: Engine) -> None:
    engine.save(definition(schedule={"when": "0 18 * * 6"}), is_enabled=True)
    engine.advance(hours=21, minutes=30)
    engine.gateway.control.session("ready")
    dispatch.dispatch_due(engine.clock)
    [execution] = executions()
    engine.executor.run(execution.id)
    assert read(execution.id)[0].reason_code == "market_closed"


def test_a_person_starts_all_symbols_or_some(engine: Engine) -> None:
    strategy = engine.save(definition(symbols=["AAPL", "MSFT", "IBM"]))
    engine.start(strategy, ["IBM", "IBM", "AAPL"])
    assert [each.symbol for each in executions()] == ["IBM", "AAPL"]
    with pytest.raises(InvalidInput, match=r"does not trade 'APPL'.*Did you mean 'AAPL'"):
        engine.start(strategy, ["APPL"])
    with pytest.raises(InvalidInput, match="at least one"):
        engine.start(strategy, [])


def test_a_second_start_names_the_execution_that_is_under_way_and_makes_none(
    engine: Engine,
) -> None:
    strategy = engine.save(definition(symbols=["AAPL", "MSFT"]))
    running = engine.start(strategy, ["AAPL"])[0]
    engine.advance(minutes=1)
    with pytest.raises(Conflict, match=f"under way for AAPL: execution {running}") as raised:
        engine.start(strategy)
    assert raised.value.code == "already_running"
    assert len(executions()) == 1, "MSFT was not started either"


def test_one_of_many_starts_at_once_wins(engine: Engine) -> None:
    strategy = engine.save()

    def start(_: int) -> int | None:
        try:
            return engine.start(strategy)[0]
        except Conflict:
            return None

    with ThreadPoolExecutor(4) as pool:
        started = [each for each in pool.map(start, range(8)) if each is not None]
    assert len(started) == len(executions()) == 1


def age() -> None:
    with transaction() as session:
        session.execute(text("UPDATE executions SET sent_at = now() - interval '1 day'"))


@pytest.fixture
def mend_queue(engine: Engine, set_env: Callable[..., None]) -> Iterator[Callable[[], None]]:
    """Until it is called, the queue's address is a port where nobody listens."""
    right = settings().redis_url
    queue.queue.cache_clear()
    set_env(REDIS_URL="redis://127.0.0.1:1/0")
    queue.queue()

    def mend() -> None:
        set_env(REDIS_URL=right)
        queue.queue.cache_clear()

    yield mend
    mend()


def test_while_the_queue_is_down_the_row_stays_and_the_reaper_sends_it_later(
    engine: Engine, mend_queue: Callable[[], None]
) -> None:
    due(engine)
    assert dispatch.dispatch_due(engine.clock) == 1
    assert executions()[0].status is Status.QUEUED
    mend_queue()
    assert waiting_messages() == 0
    assert reaper.send_abandoned() == 0, "it may still be under way"
    age()
    assert reaper.send_abandoned() == 1
    assert waiting_messages() == 1


def test_two_reapers_at_once_send_each_execution_once(engine: Engine) -> None:
    due(engine, symbols=["AAPL", "MSFT", "IBM"])
    dispatch.dispatch_due(engine.clock)
    age()
    redis.client().delete("celery")
    with ThreadPoolExecutor(2) as pool:
        sent = sum(pool.map(lambda _: reaper.send_abandoned(), range(4)))
    assert sent == waiting_messages() == 3
