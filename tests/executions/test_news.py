"""Of what ended badly, and of a session in trouble, people are told once."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.database import transaction
from backend.executions import gateway_states, news, session_news
from backend.executions.models import Execution, GatewayState
from backend.notifications.events import Event
from backend.notifications.models import Notification
from backend.workflow.outcome import Outcome
from tests.support.live_engine import Engine, definition

LONGEST = timedelta(minutes=59)


def told() -> Sequence[Notification]:
    with transaction() as session:
        return session.scalars(select(Notification).order_by(Notification.id)).all()


def titles() -> list[str]:
    return [each.title for each in told()]


def ended(engine: Engine, **changes: Any) -> Execution:
    """An execution that was run, with its end changed to what a test needs."""
    execution, _ = engine.run(definition(name=f"Strategy of {changes['reason_code']}"))
    with transaction() as session:
        row = session.get_one(Execution, execution.id)
        for name, value in changes.items():
            setattr(row, name, value)
    return row


def test_a_failure_is_told_with_its_reason_and_its_page(engine: Engine) -> None:
    execution, _ = engine.run(definition(name="Misspelt <b>", symbols=["APPL"]))
    assert execution.outcome is Outcome.FAILED
    assert news.tell_of_ends(engine.clock) == 1
    [row] = told()
    assert (row.event, row.title) == (Event.FAILURE, "An execution for APPL failed")
    assert row.text == f"Misspelt <b>: {execution.reason}"
    assert row.path == f"/executions/{execution.id}"
    assert news.tell_of_ends(engine.clock) == 0


def test_a_refusal_by_a_limit_is_told(engine: Engine) -> None:
    execution, _ = engine.run(definition(risk__max_order_value=1))
    assert execution.outcome is Outcome.BLOCKED
    news.tell_of_ends(engine.clock)
    [row] = told()
    assert (row.event, row.title) == (Event.REFUSAL, "BUY AAPL was refused")
    assert execution.reason is not None
    assert execution.reason in row.text


def test_what_is_no_news_is_not_told(engine: Engine) -> None:
    engine.run(definition(name="held", signal={"source": "rules", "long_when": "close < 0"}))
    engine.run(definition(name="observed"))
    ended(engine, outcome=Outcome.BLOCKED, reason_code="already_in")
    blocked = Outcome.BLOCKED
    ended(engine, outcome=blocked, reason_code="bars_missing", signal_action=None, reason="x")
    long_ago = engine.clock.now() - timedelta(hours=2)
    ended(engine, outcome=Outcome.FAILED, finished_at=long_ago, reason_code="x", reason="y")
    assert news.tell_of_ends(engine.clock) == 0
    assert told() == []


def test_a_strategy_that_fails_each_minute_is_told_of_once_an_hour(engine: Engine) -> None:
    strategy = engine.save(definition(symbols=["APPL"]))
    for _ in range(3):
        [execution] = engine.start(strategy)
        engine.executor.run(execution)
        engine.advance(minutes=1)
        news.tell_of_ends(engine.clock)
    assert len(told()) == 1
    engine.advance(hours=1)
    engine.executor.run(engine.start(strategy)[0])
    news.tell_of_ends(engine.clock)
    assert len(told()) == 2


def look(engine: Engine) -> bool:
    gateway_states.observe(engine.tools.broker, engine.clock)
    return session_news.tell_of_session(engine.clock)


def test_a_session_that_ended_is_told_once_and_so_is_its_return(engine: Engine) -> None:
    assert not look(engine)
    engine.gateway.control.session("logged_out")
    for _ in range(3):
        engine.advance(minutes=1)
        look(engine)
    [row] = told()
    assert (row.event, row.title) == (
        Event.SESSION_TROUBLE,
        "The broker's gateway wants a login",
    )
    assert row.text
    engine.gateway.control.session("ready")
    for _ in range(3):
        engine.advance(minutes=1)
        look(engine)
    assert titles()[1:] == ["The broker's session is back"]
    engine.advance(minutes=1)
    engine.gateway.control.session("logged_out")
    look(engine)
    assert len(told()) == 3, "another episode"


def state(engine: Engine, **changes: Any) -> None:
    now = engine.clock.now()
    usual = {
        "at": now,
        "last_seen_at": now,
        "status": "ready",
        "detail": "A sentence.",
        "account": None,
        "is_paper": True,
        "is_simulated": True,
        "login_expires_at": None,
    }
    with transaction() as session:
        session.add(GatewayState(**usual | changes))


@pytest.mark.parametrize(
    ("status", "minutes", "title"),
    [
        ("competing", 0, "The broker's session is used from elsewhere"),
        ("unreachable", 1, None),
        ("unreachable", 2, "The broker's gateway does not answer"),
        ("connecting", 4, None),
        ("connecting", 5, "The broker's session does not come up"),
        ("ready", 60, None),
    ],
)
def test_trouble_is_told_when_it_has_lasted(
    engine: Engine, status: str, minutes: int, title: str | None
) -> None:
    since = engine.clock.now() - timedelta(minutes=minutes)
    state(engine, status=status, at=since)
    assert session_news.tell_of_session(engine.clock) is (title is not None)
    assert titles() == ([title] if title else [])


def test_what_nobody_has_looked_at_lately_is_not_told(engine: Engine) -> None:
    long_ago = engine.clock.now() - timedelta(minutes=10)
    state(engine, status="logged_out", at=long_ago, last_seen_at=long_ago)
    assert not session_news.tell_of_session(engine.clock)


def test_a_login_that_ends_within_the_hour_is_told_once_a_day(engine: Engine) -> None:
    now = engine.clock.now()
    state(engine, login_expires_at=now + LONGEST)
    assert session_news.tell_of_session(engine.clock)
    with transaction() as session:
        row = session.scalars(select(GatewayState)).one()
        row.login_expires_at = now + LONGEST - timedelta(seconds=3)
    assert not session_news.tell_of_session(engine.clock)
    [row_told] = told()
    assert row_told.title == "The broker's login ends at 21:29 UTC"


@pytest.mark.parametrize("is_due_soon", [True, False])
def test_at_night_an_ending_login_counts_where_a_strategy_is_due(
    engine: Engine, is_due_soon: bool
) -> None:
    strategy = engine.save(definition(), is_enabled=True)
    engine.advance(hours=12)  # Saturday
    if is_due_soon:
        with transaction() as session:
            row = session.get_one(type(strategy), strategy.id)
            row.next_due_at = engine.clock.now() + timedelta(minutes=90)
    state(engine, login_expires_at=engine.clock.now() + LONGEST)
    assert session_news.tell_of_session(engine.clock) is is_due_soon
