"""Who changed what."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.web import audit
from tests.support.live_engine import FRIDAY

CLOCK = ManualClock(FRIDAY)


def note(action: str, *, actor: str = "person:ann", subject: str = "strategy 3") -> None:
    with transaction() as session:
        audit.record(session, CLOCK, actor=actor, action=action, subject=subject)


def found(limit: int = audit.PAGE, **filters: object) -> list[str]:
    with transaction() as session:
        return [row.action for row in audit.find(session, audit.Filters(**filters), limit)]  # type: ignore[arg-type]  # each test's own


def test_a_change_is_kept_with_what_was_before_and_after_and_without_secrets(db: str) -> None:
    with transaction() as session:
        audit.record(
            session,
            CLOCK,
            actor="person:ann",
            action="limits.saved",
            subject="limits",
            before={"max": Decimal("1.10"), "at": FRIDAY, "api_key": "hush"},
            after={"text": "now with sk-abcdefghijklmnopqrstuvwx"},
        )
    with transaction() as session:
        [row] = audit.find(session, audit.Filters())
    assert row.before == {"max": "1.10", "at": "2026-11-20T20:30:00Z", "api_key": "[hidden]"}
    assert row.after == {"text": "now with [hidden]"}
    assert (row.at, row.request_id, row.address) == (FRIDAY, None, None)


def test_nothing_is_noted_of_a_change_that_was_rolled_back(db: str) -> None:
    with transaction() as session:
        audit.record(session, CLOCK, actor="cli", action="a.b", subject="c")
        session.rollback()
    assert found() == []


@pytest.mark.parametrize("change", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"])
def test_what_was_noted_cannot_be_changed_or_removed(db: str, change: str) -> None:
    note("strategy.saved")
    with pytest.raises(InternalError, match="append-only"), transaction() as session:
        session.execute(text(change))
    assert found() == ["strategy.saved"]


def test_the_newest_come_first_page_by_page(db: str) -> None:
    for number in range(5):
        note(f"strategy.{number}")
    assert found(limit=2) == ["strategy.4", "strategy.3"]
    assert found(limit=2, before=4) == ["strategy.2", "strategy.1"]


def test_filters_narrow_by_whom_what_and_when(db: str) -> None:
    note("strategy.saved")
    note("strategy.enabled", subject="strategy 4")
    note("prompt.saved", actor="key:laptop", subject="prompt 'chart'")
    assert found(action="strategy.") == ["strategy.enabled", "strategy.saved"]
    assert found(action="%") == []
    assert found(actor="key:laptop") == ["prompt.saved"]
    assert found(subject="strategy 4") == ["strategy.enabled"]
    assert len(found(since=FRIDAY)) == 3
    assert found(until=FRIDAY) == []
    assert len(found(until=FRIDAY + timedelta(seconds=1))) == 3
