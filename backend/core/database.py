"""The engine, the session and the one place that commits."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import cache
from time import monotonic
from typing import Annotated, Any

import orjson
import psycopg2
from fastapi import Depends
from sqlalchemy import (
    Connection,
    CursorResult,
    DateTime,
    Engine,
    Enum,
    MetaData,
    Numeric,
    create_engine,
    event,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session

from backend.core.errors import TemporaryError
from backend.core.settings import settings

TRUSTED_SECONDS = 1.0
"""A connection that was in use so lately is not asked whether it still stands."""


class Model(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "pk": "%(table_name)s_pkey",
        }
    )
    type_annotation_map = {
        # Store what the code says ("queued"), not the member's name ("QUEUED").
        StrEnum: Enum(
            StrEnum,
            native_enum=False,
            length=32,
            values_callable=lambda kind: [item.value for item in kind],
        ),
        datetime: DateTime(timezone=True),
        Decimal: Numeric(20, 8),
        dict[str, Any]: JSONB,
        list[str]: JSONB,
        list[dict[str, Any]]: JSONB,
    }


def _to_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode()


@cache
def engine() -> Engine:
    """The pool of this process. Raises `InvalidInput` when DATABASE_URL is not set."""
    settings().require("database_url")
    made = create_engine(
        settings().database_url,
        pool_size=10,
        max_overflow=20,
        json_serializer=_to_json,
        json_deserializer=orjson.loads,
        # The many updates of one flush go together, not in a round trip each.
        executemany_mode="values_plus_batch",
        connect_args={"connect_timeout": 5, "application_name": "glassbox"},
    )
    event.listen(made, "checkin", _note_return)
    event.listen(made, "checkout", _ask_after_a_rest)
    return made


def _note_return(_connection: Any, record: Any) -> None:
    record.info["returned_at"] = monotonic()


def _ask_after_a_rest(connection: Any, record: Any, _proxy: Any) -> None:
    """As `pool_pre_ping`, which asks each time: that is every second round trip of a step."""
    now = monotonic()
    if now - record.info.get("returned_at", now) > TRUSTED_SECONDS:
        try:
            engine().dialect.do_ping(connection)
        except psycopg2.Error as error:
            raise InvalidatePoolError from error


def new_session() -> Session:
    return Session(engine(), expire_on_commit=False)


class DatabaseAway(TemporaryError):
    """PostgreSQL does not answer, or gave up; what was not committed did not happen."""

    code = "database_away"


@contextmanager
def _told_when_away() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        raise DatabaseAway(
            "The database is away. Nothing was changed; try again in a moment."
        ) from error


@contextmanager
def statements() -> Iterator[Connection]:
    """
    A connection on which every statement is a transaction of its own, committed as it ends.

    For the one statement that does all: a round trip instead of three. Raises `DatabaseAway`.
    """
    with _told_when_away(), engine().connect() as connection:
        # Not SQLAlchemy's isolation level "AUTOCOMMIT": to set that one is a round trip too.
        driver: Any = connection.connection.dbapi_connection
        driver.autocommit = True
        try:
            yield connection
        finally:
            if not driver.closed:
                driver.autocommit = False


class Prepared:
    """
    A statement that each connection parses once: for the few that run many times a second, where
    parsing takes longer than doing.

    `sql` names its parameters as `:name`. Needs a connection of its own to the server, which a
    pooler in transaction mode would not give.
    """

    def __init__(self, name: str, sql: str) -> None:
        self._name = name
        names = list(dict.fromkeys(_PARAMETER.findall(sql)))
        numbered = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", sql)
        self._prepare = f"PREPARE {name} AS {numbered}"
        self._execute = text(f"EXECUTE {name} ({', '.join(f':{each}' for each in names)})")

    def on(self, connection: Connection, parameters: dict[str, Any]) -> CursorResult[Any]:
        if self._name not in connection.info:
            connection.exec_driver_sql(self._prepare)
            connection.info[self._name] = True
        return connection.execute(self._execute, parameters)


# A name behind one colon; two of them are a cast.
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)")


@contextmanager
def transaction() -> Iterator[Session]:
    """
    A session that commits when the block ends, and rolls back when it raises.

    Raises `DatabaseAway` when PostgreSQL does not answer.
    """
    with new_session() as session:
        with _told_when_away(), session.begin():
            yield session
        # Not SQLAlchemy's after_commit event: that one also fires when a savepoint is released.
        for call in session.info.pop("after_commit", ()):
            call()


def after_commit(session: Session, call: Callable[[], object]) -> None:
    """Do something only once the rows it needs are visible to others."""
    session.info.setdefault("after_commit", []).append(call)


def session_for_request() -> Iterator[Session]:
    with transaction() as session:
        yield session


# scope="function": commit before the response leaves, so the page we redirect to sees the row.
SessionDep = Annotated[Session, Depends(session_for_request, scope="function")]
