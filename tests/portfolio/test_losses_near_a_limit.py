"""A loss near a limit is told once a day, and once more when the limit is reached."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.executions import equity_watch
from backend.notifications.events import Event
from backend.notifications.models import Notification
from backend.portfolio import limits, losses
from backend.portfolio.losses import OwnLimits
from backend.portfolio.models import EquitySnapshot
from backend.trading.limits import Limits
from tests.support.live_engine import FRIDAY, Engine, definition


@pytest.fixture
def clock(db: str) -> ManualClock:
    return ManualClock(FRIDAY)


def limit(clock: ManualClock, account: str = "", **values: Any) -> None:
    with transaction() as session:
        limits.save(
            session,
            clock,
            account=account,
            limits=Limits.model_validate(values),
            actor="person:ann",
        )


def seen(
    clock: ManualClock, day_pnl: str | None, equity: str = "10000", own: Sequence[OwnLimits] = ()
) -> None:
    clock.advance(seconds=1)
    with transaction() as session:
        row = EquitySnapshot(
            account="DU1",
            at=clock.now(),
            currency="USD",
            is_paper=True,
            is_simulated=True,
            cash=Decimal(equity),
            equity=Decimal(equity),
            buying_power=Decimal(equity),
            day_pnl=None if day_pnl is None else Decimal(day_pnl),
            realized_pnl=None,
            gross_exposure=None,
            net_exposure=None,
            largest_position=None,
            largest_three=None,
            open_positions=0,
        )
        session.add(row)
        session.flush()
        losses.tell_if_near(session, clock, row, own)


def titles() -> list[str]:
    with transaction() as session:
        rows = session.scalars(select(Notification).order_by(Notification.id)).all()
        assert {row.event for row in rows} <= {Event.LOSS_NEAR_LIMIT}
        return [row.title for row in rows]


def test_the_days_loss_is_told_at_four_fifths_and_at_the_whole_of_its_limit(
    clock: ManualClock,
) -> None:
    limit(clock, max_daily_loss=1_000)
    for pnl in ("500", None, "-799.99"):
        seen(clock, pnl)
    assert titles() == []
    seen(clock, "-800")
    seen(clock, "-900")
    assert titles() == ["The day's loss of DU1 is at 80% of its limit"]
    seen(clock, "-1000")
    seen(clock, "-1200")
    assert titles()[1:] == ["The day's loss of DU1 reached its limit"]


def test_another_day_is_told_anew(clock: ManualClock) -> None:
    limit(clock, max_daily_loss=1_000)
    seen(clock, "-900")
    clock.advance(days=3)
    seen(clock, "-900")
    assert len(titles()) == 2


def test_the_strictest_limit_counts_and_is_named(clock: ManualClock) -> None:
    limit(clock, max_daily_loss=1_000)
    limit(clock, "DU1", max_daily_loss=500)
    limit(clock, "DU2", max_daily_loss=1)
    seen(clock, "-350", own=[OwnLimits("Dip buyer", Decimal(400), None)])
    with transaction() as session:
        [row] = session.scalars(select(Notification))
    assert row.title == "The day's loss of DU1 is at 88% of its limit"
    assert row.text == "The day's loss is 350.00 USD, and Dip buyer ends at 400.00."


def test_the_fall_from_the_peak_is_told(clock: ManualClock) -> None:
    limit(clock, max_drawdown="0.1")
    seen(clock, None, "10000")
    seen(clock, None, "9300")
    assert titles() == []
    seen(clock, None, "9150")
    assert titles() == ["The drawdown of DU1 is at 85% of its limit"]
    seen(clock, None, "8000")
    with transaction() as session:
        last = session.scalars(select(Notification).order_by(Notification.id.desc())).first()
    assert last is not None
    assert last.title == "The drawdown of DU1 reached its limit"
    assert "is 20.00% below its peak, and everything ends at 10.00%" in last.text
    assert last.text.endswith("No new order is let out.")


def test_without_a_limit_nothing_is_near(clock: ManualClock) -> None:
    seen(clock, "-9999", "1")
    assert titles() == []


def test_what_the_gateway_tells_is_held_against_the_limits_of_what_runs_by_itself(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.save(definition(name="Runs", risk__max_daily_loss=77), is_enabled=True)
    engine.save(definition(name="Rests", risk__max_daily_loss=1))
    engine.tools.broker.ensure_session()
    given: list[list[OwnLimits]] = []

    def note(*args: Any) -> None:
        given.append(list(args[3]))

    monkeypatch.setattr(losses, "tell_if_near", note)
    equity_watch.look(engine.tools.broker, engine.clock)
    assert given == [[OwnLimits("Runs", Decimal(77), None)]]
    assert timedelta(0) < equity_watch.EVERY
