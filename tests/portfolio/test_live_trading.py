"""Real money: a setting, a gateway that says so, a checklist that is done, and typed words."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from sqlalchemy import func, select

from backend.brokers.base import Account
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import AppError, Conflict, InvalidInput, NotFound
from backend.core.settings import settings
from backend.portfolio import live_trading
from backend.portfolio.models import LiveConfirmation
from backend.portfolio.safeguards import DatabaseSafeguards
from backend.web.audit import AuditRow
from tests.support.live_engine import Engine

LIVE = Account(id="U7654321", currency="USD", is_paper=False, is_selected=True)
WORDS = "trade real money in U7654321"


@pytest.fixture
def named(set_env: Callable[..., None]) -> None:
    set_env(LIVE_TRADING_ACCOUNTS="U1111111, U7654321")


def confirm(clock: Clock, typed: str = WORDS, account: Account = LIVE, *missing: str) -> None:
    with transaction() as session:
        live_trading.confirm(
            session, clock, account=account, typed=typed, missing=missing, actor="person:ann"
        )


def withdraw(clock: Clock) -> None:
    with transaction() as session:
        live_trading.withdraw(session, clock, account=LIVE.id, actor="person:bob")


def why_not() -> str | None:
    return DatabaseSafeguards().why_not_live(LIVE.id)


def test_nothing_is_named_unless_somebody_says_so() -> None:
    assert settings().live_trading_accounts == []


def test_without_the_setting_no_confirmation_counts(engine: Engine) -> None:
    assert "LIVE_TRADING_ACCOUNTS does not name" in (why_not() or "")
    with pytest.raises(InvalidInput, match="Name U7654321 in LIVE_TRADING_ACCOUNTS"):
        confirm(engine.clock)


@pytest.mark.usefixtures("named")
def test_the_setting_alone_lets_nothing_out(engine: Engine) -> None:
    assert "Nobody has confirmed" in (why_not() or "")
    confirm(engine.clock, f"  {WORDS.upper()} ")
    assert why_not() is None


@pytest.mark.usefixtures("named")
def test_one_call_takes_it_back_and_who_did_what_is_kept(engine: Engine) -> None:
    confirm(engine.clock)
    engine.advance(minutes=5)
    withdraw(engine.clock)
    assert "Nobody has confirmed" in (why_not() or "")
    confirm(engine.clock)
    with transaction() as session:
        newest, first = live_trading.history(session, LIVE.id)
        actions = session.scalars(
            select(AuditRow.action).where(AuditRow.subject == f"account {LIVE.id}")
        ).all()
    assert (first.confirmed_by, first.withdrawn_by) == ("person:ann", "person:bob")
    assert newest.withdrawn_at is None
    assert sorted(actions) == ["live.confirmed", "live.confirmed", "live.withdrawn"]


@pytest.mark.usefixtures("named")
def test_a_setting_that_is_gone_stops_a_confirmed_account(
    engine: Engine, set_env: Callable[..., None]
) -> None:
    confirm(engine.clock)
    set_env(LIVE_TRADING_ACCOUNTS="U1111111")
    assert "does not name" in (why_not() or "")


@pytest.mark.usefixtures("named")
@pytest.mark.parametrize(
    ("typed", "account", "missing", "says"),
    [
        ("yes", LIVE, (), "Type 'trade real money in U7654321'"),
        ("", LIVE, (), "Type"),
        (WORDS, LIVE, ("Approvals tried",), "still wants: Approvals tried"),
        (WORDS, replace(LIVE, is_paper=True), (), "a paper account"),
    ],
)
def test_what_keeps_a_confirmation_from_counting_is_named(
    engine: Engine, typed: str, account: Account, missing: tuple[str, ...], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        confirm(engine.clock, typed, account, *missing)
    assert why_not() is not None


@pytest.mark.usefixtures("named")
def test_of_many_at_once_one_confirms(engine: Engine) -> None:
    def press(_: int) -> bool:
        try:
            confirm(engine.clock)
        except AppError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(press, range(8))) == 1
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(LiveConfirmation)) == 1
    with pytest.raises(Conflict, match="confirmed already"):
        confirm(engine.clock)


def test_what_was_never_confirmed_cannot_be_withdrawn(engine: Engine) -> None:
    with pytest.raises(NotFound, match="Nothing is confirmed"):
        withdraw(engine.clock)
