"""Work that one process does at a time, kept apart by the database, which frees a dead one's."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from backend.core.database import statements
from backend.core.errors import TemporaryError

_PAUSE_SECONDS = 0.02


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """
    Whether nobody else is at the work of this name now; it is ours then until the block ends.

    Nobody waits. Raises `DatabaseAway`.
    """
    with statements() as connection:
        is_ours = bool(connection.scalar(_TRY, {"name": name}))
        try:
            yield is_ours
        finally:
            if is_ours and not connection.closed and not connection.invalidated:
                connection.execute(_FREE, {"name": name})


@contextmanager
def in_turn(name: str, *, patience_seconds: float) -> Iterator[None]:
    """
    Wait until nobody else is at the work of this name; it is ours then until the block ends.

    Raises `TemporaryError` code `busy` when that takes longer than the patience, and
    `DatabaseAway`.
    """
    deadline = time.monotonic() + patience_seconds
    while True:
        with alone(name) as is_ours:
            if is_ours:
                yield
                return
        if time.monotonic() > deadline:
            raise TemporaryError(
                f"Another process has been busy with {name} for {patience_seconds:.0f} s; it is"
                " tried again later.",
                code="busy",
            )
        time.sleep(_PAUSE_SECONDS)


_TRY = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
_FREE = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
