"""Statements that a connection parses once, and connections that died while nobody looked."""

from contextlib import suppress

import pytest
from sqlalchemy import text

from backend.core import database
from backend.core.database import Prepared, statements, transaction

SUM = Prepared("test_sum", "SELECT :one::int + :other::int + :one::int AS found")


def test_a_name_may_stand_twice_and_casts_are_left_alone(db: str) -> None:
    with statements() as connection:
        assert SUM.on(connection, {"one": 1, "other": 40}).scalar_one() == 42


def test_a_connection_prepares_a_statement_once(db: str) -> None:
    prepared = text("SELECT count(*) FROM pg_prepared_statements WHERE name = 'test_sum'")
    for _ in range(2):
        with statements() as connection:
            SUM.on(connection, {"one": 1, "other": 2})
            SUM.on(connection, {"one": 1, "other": 2})
            assert connection.scalar(prepared) == 1


def test_each_statement_is_committed_as_it_ends(db: str) -> None:
    with suppress(ZeroDivisionError), statements() as connection:
        connection.execute(text("INSERT INTO ai_days VALUES ('2026-11-20', 7, 0)"))
        raise ZeroDivisionError
    with transaction() as session:
        assert session.scalar(text("SELECT tokens FROM ai_days")) == 7


def test_a_transaction_after_it_is_one_again(db: str) -> None:
    with statements() as connection:
        connection.execute(text("SELECT 1"))
    with suppress(ZeroDivisionError), transaction() as session:
        session.execute(text("INSERT INTO ai_days VALUES ('2026-11-20', 7, 0)"))
        raise ZeroDivisionError
    with transaction() as session:
        assert session.scalar(text("SELECT count(*) FROM ai_days")) == 0


def test_a_connection_that_died_while_it_rested_is_replaced(
    db: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.engine().dispose()
    with statements() as connection:
        pid = connection.scalar(text("SELECT pg_backend_pid()"))
        with statements() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    monkeypatch.setattr(database, "TRUSTED_SECONDS", -1.0)
    for _ in range(3):
        with statements() as connection:
            assert connection.scalar(text("SELECT pg_backend_pid()")) != pid
