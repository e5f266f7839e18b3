"""The one place that commits."""

from collections.abc import Callable

import pytest

from backend.core import database
from backend.core.database import after_commit, transaction
from backend.core.errors import InvalidInput
from backend.executions.models import AnswerRow
from tests.support.live_engine import FRIDAY


def answer(name: str) -> AnswerRow:
    return AnswerRow(request_hash=name, answer={"version": 1}, created_at=FRIDAY)


def kept(name: str) -> bool:
    with transaction() as session:
        return session.get(AnswerRow, name) is not None


def test_a_block_that_ends_is_committed(db: str) -> None:
    with transaction() as session:
        session.add(answer("one"))
    assert kept("one")


def test_a_block_that_raises_leaves_nothing_behind(db: str) -> None:
    with pytest.raises(ZeroDivisionError):
        write_and_break()
    assert not kept("one")


def write_and_break(seen: list[bool] | None = None) -> None:
    with transaction() as session:
        session.add(answer("one"))
        session.flush()
        if seen is not None:
            after_commit(session, lambda: seen.append(True))
        raise ZeroDivisionError


def test_what_waits_for_the_commit_runs_when_others_can_see_the_rows(db: str) -> None:
    seen: list[bool] = []
    with transaction() as session:
        session.add(answer("one"))
        after_commit(session, lambda: seen.append(kept("one")))
        assert seen == []
    assert seen == [True]


def test_a_savepoint_that_is_released_is_no_commit(db: str) -> None:
    seen: list[bool] = []
    with transaction() as session:
        with session.begin_nested():
            session.add(answer("one"))
            after_commit(session, lambda: seen.append(kept("one")))
        assert seen == []
    assert seen == [True]


def test_what_waits_for_the_commit_does_not_run_without_it(db: str) -> None:
    seen: list[bool] = []
    with pytest.raises(ZeroDivisionError):
        write_and_break(seen)
    assert seen == []


def test_without_an_address_the_missing_setting_is_named(set_env: Callable[..., None]) -> None:
    set_env(DATABASE_URL="")
    with pytest.raises(InvalidInput, match="DATABASE_URL"):
        database.engine.__wrapped__()
