"""The day's allowance for models: shared by all workers, never exceeded, closed when in doubt."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from backend.analysis.base import Usage
from backend.core import database
from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.core.errors import OutsideError
from backend.executions.budget import DatabaseBudget
from backend.executions.models import AiDay, AiReservation

LATE = datetime(2026, 3, 2, 23, 59, tzinfo=UTC)


@pytest.fixture
def clock(db: str, set_env: Callable[..., None]) -> ManualClock:
    set_env(AI_DAILY_TOKENS="1000", AI_DAILY_USD="1.00")
    return ManualClock(LATE)


@pytest.fixture
def budget(clock: ManualClock) -> DatabaseBudget:
    return DatabaseBudget(clock)


def used(day: datetime = LATE) -> tuple[int, Decimal]:
    with transaction() as session:
        row = session.get_one(AiDay, day.date())
        return row.tokens, row.cost_usd


def usage(tokens: int, usd: str) -> Usage:
    return Usage(input_tokens=tokens, output_tokens=0, cost_usd=Decimal(usd))


def test_a_reservation_counts_at_its_worst_until_it_is_settled(budget: DatabaseBudget) -> None:
    held = budget.reserve(tokens=600, usd=Decimal("0.50"))
    assert used() == (600, Decimal("0.50"))
    budget.settle(held, usage(100, "0.02"))
    assert used() == (100, Decimal("0.02"))


def test_settling_twice_changes_nothing_the_second_time(budget: DatabaseBudget) -> None:
    held = budget.reserve(tokens=600, usd=Decimal("0.50"))
    for _ in range(2):
        budget.settle(held, usage(100, "0.02"))
    assert used() == (100, Decimal("0.02"))


@pytest.mark.parametrize(
    ("tokens", "usd"), [(1_001, "0.10"), (10, "1.01")], ids=["tokens", "money"]
)
def test_what_the_rest_of_the_day_does_not_cover_is_refused_with_the_remedy(
    budget: DatabaseBudget, tokens: int, usd: str
) -> None:
    with pytest.raises(OutsideError, match="Raise AI_DAILY_TOKENS or AI_DAILY_USD") as raised:
        budget.reserve(tokens=tokens, usd=Decimal(usd))
    assert raised.value.code == "budget"
    with transaction() as session:
        assert session.query(AiReservation).count() == 0


def test_the_last_token_and_the_last_cent_may_be_used(budget: DatabaseBudget) -> None:
    assert not budget.is_spent()
    budget.reserve(tokens=1_000, usd=Decimal("1.00"))
    assert budget.is_spent()


def test_a_new_utc_day_has_an_allowance_of_its_own(
    budget: DatabaseBudget, clock: ManualClock
) -> None:
    held = budget.reserve(tokens=1_000, usd=Decimal("1.00"))
    clock.advance(minutes=2)
    assert not budget.is_spent()
    budget.reserve(tokens=1_000, usd=Decimal("1.00"))
    budget.settle(held, usage(10, "0.01"))
    assert used() == (10, Decimal("0.01")), "what is settled late counts for the day it was held"


def test_many_workers_together_never_reserve_more_than_the_day_allows(
    budget: DatabaseBudget,
) -> None:
    def reserve(_: int) -> bool:
        try:
            budget.reserve(tokens=30, usd=Decimal("0.01"))
        except OutsideError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        granted = sum(pool.map(reserve, range(60)))
    assert granted == 33
    assert used() == (990, Decimal("0.33"))


def test_many_workers_that_reserve_and_settle_leave_exactly_what_they_used(
    budget: DatabaseBudget,
) -> None:
    def call(_: int) -> int:
        try:
            held = budget.reserve(tokens=100, usd=Decimal("0.05"))
        except OutsideError:
            return 0
        budget.settle(held, usage(7, "0.003"))
        return 1

    with ThreadPoolExecutor(8) as pool:
        calls = sum(pool.map(call, range(40)))
    assert calls > 0
    assert used() == (7 * calls, Decimal("0.003") * calls)


def test_a_budget_that_cannot_be_asked_grants_nothing(
    clock: ManualClock, set_env: Callable[..., None]
) -> None:
    reachable = database.engine()
    database.engine.cache_clear()
    set_env(DATABASE_URL="postgresql+psycopg2://nobody@127.0.0.1:1/none")
    try:
        with pytest.raises(OutsideError) as raised:
            DatabaseBudget(clock).reserve(tokens=1, usd=Decimal(0))
    finally:
        database.engine().dispose()
        database.engine.cache_clear()
        reachable.dispose()
    assert raised.value.code in ("budget", "database_away")
