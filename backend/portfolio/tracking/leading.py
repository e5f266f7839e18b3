"""Of all trackers that run, one leads at each piece of work; the database frees a dead one's."""

from contextlib import ExitStack

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from backend.core.database import DatabaseAway, statements
from backend.core.logging import get_logger

logger = get_logger(__name__)


class Lead:
    """A lock of the database that lives as long as one connection of ours does."""

    def __init__(self, name: str) -> None:
        """`name` is the work, the same for everybody who wants to do it."""
        self.name = name
        self._held = ExitStack()
        self._connection: Connection | None = None

    def is_ours(self) -> bool:
        """
        Whether we lead now, having tried to. Asks the database each time: a connection that broke
        took the lock with it. Raises `DatabaseAway`.
        """
        try:
            if self._connection is not None and self._still_stands(self._connection):
                return True
            return self._try()
        except (SQLAlchemyError, DatabaseAway) as error:
            self.release()
            raise DatabaseAway(
                "The database is away, and with it the lead of what is followed."
            ) from error

    def release(self) -> None:
        """Let another one lead; never raises."""
        connection, self._connection = self._connection, None
        try:
            if connection is not None and not connection.invalidated:
                connection.execute(_FREE, {"name": self.name})
        except SQLAlchemyError:
            # It is of no use to the next one, who would inherit the lock.
            connection.invalidate()  # type: ignore[union-attr]
        finally:
            self._close()

    def _close(self) -> None:
        try:
            self._held.close()
        except (SQLAlchemyError, DatabaseAway) as error:
            logger.warning("lead_not_given_back", name=self.name, why=str(error))

    def _try(self) -> bool:
        connection = self._held.enter_context(statements())
        if connection.scalar(_TRY, {"name": self.name}):
            self._connection = connection
            return True
        self._held.close()
        return False

    def _still_stands(self, connection: Connection) -> bool:
        if connection.invalidated:
            self._connection = None
            self._close()
            return False
        connection.execute(text("SELECT 1"))
        return True


_TRY = text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))")
_FREE = text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))")
