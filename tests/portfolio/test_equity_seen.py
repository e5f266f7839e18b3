"""The equity over time: its peak, and the newest loss that was realised."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from backend.brokers.base import AccountSnapshot
from backend.core.database import transaction
from backend.portfolio import equity
from backend.portfolio.models import EquitySnapshot
from backend.trading.oversight import EquityHistory

pytestmark = pytest.mark.usefixtures("db")

NOON = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
SEEN = AccountSnapshot(
    account="DU1",
    currency="USD",
    is_paper=True,
    cash=Decimal(100_000),
    equity=Decimal(100_000),
    buying_power=Decimal(400_000),
    day_pnl=Decimal(0),
    taken_at=NOON,
    realized_pnl=Decimal(0),
)


def see(minutes: float, **changes: Any) -> EquitySnapshot:
    changes = {name: Decimal(value) for name, value in changes.items() if name != "account"} | {
        name: value for name, value in changes.items() if name == "account"
    }
    snapshot = replace(SEEN, taken_at=NOON + timedelta(minutes=minutes), **changes)
    with transaction() as session:
        return equity.record(session, snapshot, is_simulated=True)


def history(minutes: float = 60, account: str = "DU1") -> EquityHistory | None:
    with transaction() as session:
        return equity.history(session, account, NOON + timedelta(minutes=minutes))


def test_before_anything_was_seen_nothing_is_known() -> None:
    see(0, account="DU2")
    see(90)
    assert history() is None


def test_the_peak_is_the_highest_of_this_account_up_to_the_moment() -> None:
    see(0, equity=100_000)
    see(5, equity=120_000)
    see(10, equity=90_000, day_pnl=-30_000)
    see(7, equity=500_000, account="DU2")
    see(61, equity=130_000)
    found = history()
    assert found is not None
    assert found.peak == 120_000
    assert found.peak_at == NOON + timedelta(minutes=5)
    assert found.seen_at == NOON + timedelta(minutes=10)
    assert (found.day_pnl, found.loss) == (Decimal(-30_000), None)
    assert found.at(NOON + timedelta(minutes=20)).peak == 120_000


def test_the_newest_fall_of_the_realised_profit_is_the_newest_loss() -> None:
    for minutes, realized in enumerate(("500", "450", "450", "600", "520", "520")):
        see(minutes, realized_pnl=realized)
    found = history()
    assert found is not None
    assert (found.loss, found.loss_at) == (Decimal(80), NOON + timedelta(minutes=4))
    past = found.at(NOON + timedelta(minutes=34))
    assert (past.loss, past.minutes_since_loss) == (Decimal(80), Decimal(30))


def test_the_brokers_daily_reset_is_no_loss() -> None:
    for minutes, realized in enumerate(("500", "0", "0")):
        see(minutes, realized_pnl=realized)
    found = history()
    assert found is not None
    assert found.loss is None


def test_a_snapshot_keeps_what_limits_measure() -> None:
    row = see(0)
    assert (row.account, row.currency, row.is_paper, row.is_simulated) == ("DU1", "USD", True, True)
    assert row.gross_exposure == row.net_exposure == row.largest_position == 0
    assert row.open_positions == 0
