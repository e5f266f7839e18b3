"""Limits for an account or for everything: saved in versions, audited, never half-written."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import select

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.core.errors import InvalidInput
from backend.portfolio import limits
from backend.portfolio.limits import EVERYTHING, NewerLimits
from backend.portfolio.models import LimitsVersion
from backend.trading.limits import LimitsInForce
from backend.web.audit import AuditRow
from tests.support.live_engine import FRIDAY

pytestmark = pytest.mark.usefixtures("db")

CLOCK = ManualClock(FRIDAY)


def save(document: Any, account: str = EVERYTHING, **rest: Any) -> LimitsVersion | None:
    with transaction() as session:
        return limits.save(
            session,
            CLOCK,
            account=account,
            limits=limits.checked(document),
            actor="person:ann",
            **rest,
        )


def in_force(account: str) -> LimitsInForce:
    with transaction() as session:
        return limits.in_force(session, account)


def audited() -> list[AuditRow]:
    with transaction() as session:
        return list(session.scalars(select(AuditRow).order_by(AuditRow.id)))


def test_nothing_is_limited_before_anybody_sets_anything() -> None:
    assert in_force("DU1") == LimitsInForce()


def test_an_account_keeps_its_own_limits_and_those_of_everything() -> None:
    save({"max_order_value": 10_000, "allowed_symbols": ["aapl", "msft"]})
    save({"max_order_value": "2500.50"}, "DU1")
    found = in_force("DU1")
    assert found.everything.model_dump(exclude_none=True) == {
        "allowed_symbols": ("AAPL", "MSFT"),
        "max_order_value": 10_000,
    }
    assert found.account.model_dump(mode="json", exclude_none=True) == {
        "max_order_value": "2500.50"
    }
    assert in_force("DU2").account == LimitsInForce().account
    with transaction() as session:
        assert limits.accounts(session) == ["DU1"]


def test_every_change_is_a_version_and_says_who_when_before_and_after() -> None:
    save({"max_order_value": 10_000})
    row = save({"max_order_value": 20_000, "max_drawdown": "0.2"})
    assert row is not None
    assert (row.number, row.created_by, row.created_at) == (2, "person:ann", FRIDAY)
    first, second = audited()
    assert (first.action, first.subject, first.before) == ("limits.changed", "everything", {})
    assert (second.actor, second.at) == ("person:ann", FRIDAY)
    assert second.before == {"max_order_value": "10000"}
    assert second.after == {"max_order_value": "20000", "max_drawdown": "0.2"}


def test_what_is_in_force_already_is_not_saved_again() -> None:
    assert save({}) is None
    save({"max_order_value": 10_000})
    row = save({"max_order_value": "10000.00"})
    assert row is not None
    assert (row.number, len(audited())) == (1, 1)


def test_a_change_made_on_earlier_limits_is_refused() -> None:
    save({"max_order_value": 10_000}, based_on=0)
    with pytest.raises(NewerLimits, match="Version 1 of these limits was saved while you worked"):
        save({"max_order_value": 90_000}, based_on=0)
    assert in_force("").everything.model_dump(exclude_none=True) == {"max_order_value": 10_000}
    assert len(audited()) == 1


def test_of_many_who_save_at_once_each_gets_a_version_of_its_own() -> None:
    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(lambda n: save({"max_order_value": 1_000 + n}), range(8)))
    assert sorted(row.number for row in rows if row is not None) == list(range(1, 9))


@pytest.mark.parametrize(
    ("document", "field", "said"),
    [
        ({"max_order_valu": 5}, "max_order_valu", "Did you mean 'max_order_value'"),
        ({"max_order_value": -5}, "max_order_value", "greater than 0"),
        ({"max_order_value": "NaN"}, "max_order_value", "finite"),
        ({"max_drawdown": 20}, "max_drawdown", "less than or equal to 1"),
        ({"allowed_symbols": ["A;B"]}, "allowed_symbols.0", "pattern"),
        ({"forbid_short": "maybe"}, "forbid_short", "boolean"),
        ({"max_order_value": -5, "max_leverage": 0}, "max_order_value", "(and 1 more)"),
        ([], None, "limits: "),
        ({"risk_per_trade": "0.01"}, "risk_per_trade", "There is no such limit"),
    ],
)
def test_what_is_no_limit_is_refused_by_name(document: Any, field: str | None, said: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        limits.checked(document)
    assert raised.value.field == field
    assert said in raised.value.message
