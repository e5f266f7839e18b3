"""What is kept of the gateway's states, and what the banner of every page makes of it."""

from dataclasses import replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions import gateway_states
from backend.executions.models import GatewayState
from backend.web.standing import Standing
from tests.conftest import forget_connections
from tests.support.live_engine import FRIDAY, Engine


def observe(engine: Engine) -> Standing:
    gateway_states.observe(engine.tools.broker, engine.clock)
    found = standing(engine)
    assert found is not None
    return found


def standing(engine: Engine) -> Standing | None:
    with transaction() as session:
        return gateway_states.standing(session, engine.clock)


def rows(engine: Engine) -> list[GatewayState]:
    with transaction() as session:
        return gateway_states.since(session, FRIDAY)


def test_before_anybody_looked_nothing_is_claimed(engine: Engine) -> None:
    assert standing(engine) is None


def test_a_simulated_account_is_told_with_its_next_login(engine: Engine) -> None:
    seen = observe(engine)
    assert (seen.label, seen.status, seen.is_paper) == ("SIMULATED", "ready", True)
    assert seen.account
    assert seen.account.startswith("DU")
    assert seen.login_expires_at is not None
    assert seen.login_expires_at > FRIDAY
    assert (seen.as_of, seen.is_stale) == (FRIDAY, False)


def test_looking_again_moves_one_row_on(engine: Engine) -> None:
    observe(engine)
    engine.advance(minutes=1)
    assert observe(engine).as_of == engine.clock.now()
    [row] = rows(engine)
    assert (row.at, row.last_seen_at) == (FRIDAY, engine.clock.now())


def test_a_change_is_a_row_of_its_own(engine: Engine) -> None:
    observe(engine)
    engine.advance(minutes=1)
    engine.gateway.control.session("logged_out")
    seen = observe(engine)
    assert seen.label == "NOT CONNECTED"
    assert "log in" in seen.sentence
    assert seen.account is None
    assert [row.status.value for row in rows(engine)] == ["ready", "logged_out"]


def test_a_time_in_which_nobody_looked_stays_a_gap(engine: Engine) -> None:
    observe(engine)
    engine.advance(hours=2)
    stale = standing(engine)
    assert stale is not None
    assert stale.is_stale
    assert stale.colour == "away"
    assert "worker" in stale.sentence
    assert not observe(engine).is_stale
    first, second = rows(engine)
    assert first.last_seen_at < second.at


def test_states_are_forgotten_after_a_quarter(engine: Engine) -> None:
    observe(engine)
    engine.advance(days=100)
    observe(engine)
    assert len(rows(engine)) == 1


@pytest.mark.parametrize(
    ("changes", "label", "colour"),
    [
        ({}, "PAPER", "paper"),
        ({"is_paper": False}, "LIVE", "live"),
        ({"is_paper": None, "account": None}, "ACCOUNT UNKNOWN", "away"),
        ({"is_simulated": True}, "SIMULATED", "simulated"),
        ({"status": "competing", "is_simulated": True}, "NOT CONNECTED", "away"),
        ({"is_paper": False, "is_stale": True}, "LIVE", "away"),
    ],
)
def test_the_account_is_what_the_gateway_reports(
    changes: dict[str, Any], label: str, colour: str
) -> None:
    # The name of a paper account, whatever the gateway says of it.
    paper = Standing(
        status="ready",
        detail="The gateway is ready.",
        account="DU1234567",
        is_paper=True,
        is_simulated=False,
        as_of=FRIDAY,
        login_expires_at=None,
    )
    changed = replace(paper, **changes)
    assert (changed.label, changed.colour) == (label, colour)
    assert changed.sentence


def test_an_account_that_the_login_does_not_hold_is_no_account(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.tools.broker, "_account", "DU0000000")
    seen = observe(engine)
    assert (seen.account, seen.is_paper) == (None, None)
    assert "IBKR_ACCOUNT" in seen.detail


def test_a_reader_does_without_a_database(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("DATABASE_URL", "postgresql+psycopg2://nobody@127.0.0.1:1/nothing")
        forget_connections()
        assert gateway_states.reader(engine.clock)() is None
    forget_connections()


def test_the_task_of_beat_keeps_what_it_saw(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Only importable once the settings name a Redis.
    from backend.executions import tasks

    monkeypatch.setattr(tasks, "live_tools", lambda: engine.tools)
    tasks.keep_session()
    assert [row.status.value for row in rows(engine)] == ["ready"]


def test_pages_are_given_the_standing(http: TestClient, engine: Engine) -> None:
    observe(engine)
    reader = http.app.state.standing  # type: ignore[attr-defined]
    assert reader().label == "SIMULATED"
    assert http.get("/executions").status_code == 200
