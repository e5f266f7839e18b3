"""A loss of the day pulls the kill switch, on a real gateway: once a day, for whom it was set."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.database import transaction
from backend.core.errors import InvalidInput
from backend.executions import loss_watch
from backend.notifications.models import Notification
from backend.portfolio import halting, halts, limits
from backend.web.audit import AuditRow
from tests.support.held_trades import held, read_trip, traded
from tests.support.live_engine import Engine, definition


@pytest.fixture(autouse=True)
def folder(db: str, tmp_path: Path, set_env: Callable[..., None]) -> Path:
    set_env(GLASSBOX_HOME=str(tmp_path))
    return tmp_path


def set_limits(engine: Engine, account: str = "", **document: Any) -> None:
    with transaction() as session:
        limits.save(
            session,
            engine.clock,
            account=account,
            limits=limits.checked(document),
            actor="person:ann",
        )


def losing(engine: Engine) -> Decimal:
    """Shares sold short for a minute in which the price rises: the day's loss."""
    broker = engine.tools.broker
    broker.ensure_session()
    [account] = broker.accounts()
    for side in ("SELL", "BUY"):
        engine.gateway.control.trade("AAPL", side, 500)
        engine.gateway.control.advance(60)
    profit = broker.account_snapshot(account.id).day_pnl
    assert profit is not None
    assert profit < 0
    return -profit


def account_of(engine: Engine) -> str:
    [account] = engine.tools.broker.accounts()
    return account.id


def watch(engine: Engine) -> int:
    return loss_watch.watch(engine.clock, engine.tools.broker)


def pulled() -> list[tuple[str, str, str]]:
    with transaction() as session:
        return [(each.scope, each.target, each.meaning) for each in halts.in_force(session)]


def test_nothing_is_pulled_where_nobody_set_it_or_the_loss_is_smaller(engine: Engine) -> None:
    loss = losing(engine)
    set_limits(engine, max_daily_loss=1)
    assert watch(engine) == 0
    set_limits(engine, max_daily_loss=loss + 1, daily_loss_pulls="flatten")
    assert watch(engine) == 0
    assert pulled() == []


def test_each_level_pulls_its_own_switch_and_says_why(engine: Engine) -> None:
    losing(engine)
    account = account_of(engine)
    set_limits(engine, max_daily_loss="0.01", daily_loss_pulls="stop")
    set_limits(engine, account, max_daily_loss="0.01", daily_loss_pulls="cancel")
    risk = {"max_daily_loss": "0.01", "daily_loss_pulls": "flatten"}
    strategy = engine.save(definition(risk=risk))
    engine.save(definition(name="Elsewhere", account="DU404", risk=risk))
    assert watch(engine) == 3
    assert pulled() == [
        ("all", "", "stop"),
        ("account", account, "cancel"),
        ("strategy", str(strategy.id), "flatten"),
    ]
    with transaction() as session:
        rows = session.scalars(select(AuditRow).where(AuditRow.action == "halt.pulled")).all()
        assert {row.actor for row in rows} == {"watch: loss of the day"}
        assert "The loss of the day in" in (rows[0].after or {})["reason"]
        assert len(session.scalars(select(Notification)).all()) == 3
    assert watch(engine) == 0


def test_whoever_releases_it_is_not_overruled_on_the_same_day(engine: Engine) -> None:
    losing(engine)
    set_limits(engine, max_daily_loss="0.01", daily_loss_pulls="stop")
    assert watch(engine) == 1
    with transaction() as session:
        halts.release(
            session, engine.clock, scope="all", typed="release everything", actor="person:ann"
        )
    assert watch(engine) == 0
    assert pulled() == []


def test_a_switch_that_a_person_pulled_is_made_to_mean_more(engine: Engine) -> None:
    losing(engine)
    with transaction() as session:
        halts.pull(session, engine.clock, scope="all", reason="", actor="person:ann")
    set_limits(engine, max_daily_loss="0.01", daily_loss_pulls="cancel")
    assert watch(engine) == 1
    assert pulled() == [("all", "", "cancel")]
    assert watch(engine) == 0


def test_a_loss_flattens_what_is_held(engine: Engine) -> None:
    trip = traded(engine)
    losing(engine)
    set_limits(engine, max_daily_loss="0.01", daily_loss_pulls="flatten")
    assert watch(engine) == 1
    for _ in range(6):
        halting.watch(engine.clock, engine.tools.broker)
        engine.gateway.control.advance(5)
    assert held(engine) == 0
    assert read_trip(trip).exit_reason == "flatten"


def test_while_nobody_is_logged_in_nothing_is_known(engine: Engine) -> None:
    losing(engine)
    set_limits(engine, max_daily_loss="0.01", daily_loss_pulls="stop")
    engine.gateway.control.session("logged_out")
    assert watch(engine) == 0


@pytest.mark.parametrize("document", [{"daily_loss_pulls": "stop"}, {"daily_loss_pulls": "panic"}])
def test_a_setting_that_could_never_pull_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="daily_loss_pulls") as raised:
        limits.checked(document)
    assert raised.value.field == "daily_loss_pulls"
