"""What accounts are worth, looked at on a real gateway."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from backend.core.database import transaction
from backend.executions import equity_watch
from backend.portfolio import equity
from backend.portfolio.models import EquitySnapshot
from tests.support.live_engine import FRIDAY, Engine


def seen() -> list[EquitySnapshot]:
    with transaction() as session:
        return list(session.scalars(select(EquitySnapshot).order_by(EquitySnapshot.at)))


def test_every_account_is_looked_at_once_in_five_minutes(engine: Engine) -> None:
    engine.tools.broker.ensure_session()
    assert equity_watch.look(engine.tools.broker, engine.clock) == 1
    assert equity_watch.look(engine.tools.broker, engine.clock) == 0
    engine.advance(minutes=5)
    engine.tools.broker.ensure_session()
    assert equity_watch.look(engine.tools.broker, engine.clock) == 1
    first, second = seen()
    assert (first.is_paper, first.is_simulated) == (True, True)
    assert first.equity > 0
    assert FRIDAY <= first.at < second.at


def test_a_look_that_lies_ahead_of_the_clock_does_not_stop_the_next(engine: Engine) -> None:
    engine.tools.broker.ensure_session()
    [account] = engine.tools.broker.accounts()
    ahead = replace(
        engine.tools.broker.account_snapshot(account.id), taken_at=FRIDAY + timedelta(hours=1)
    )
    with transaction() as session:
        equity.record(session, ahead, is_simulated=True)
    assert equity_watch.look(engine.tools.broker, engine.clock) == 1


def test_while_the_session_is_down_nothing_is_recorded(engine: Engine) -> None:
    engine.gateway.control.session("logged_out")
    assert equity_watch.look(engine.tools.broker, engine.clock) == 0
    assert seen() == []
