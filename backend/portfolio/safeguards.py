"""What the steps of an execution ask of this room."""

from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from backend.core.database import transaction
from backend.core.errors import AppError
from backend.core.logging import get_logger
from backend.portfolio import equity, halts, limits, live_trading
from backend.portfolio.books import own
from backend.trading.limits import LimitsInForce
from backend.trading.oversight import EquityHistory, Halt
from backend.trading.own_books import OwnBooks

logger = get_logger(__name__)


class DatabaseSafeguards:
    def halts(self) -> tuple[Halt, ...]:
        """The file comes first: it is looked at without the database."""
        if (by_file := halts.by_file(halts.file())) is not None:
            return (by_file,)
        with transaction() as session:
            return tuple(halts.as_value(row) for row in halts.in_force(session))

    def halts_for_pages(self) -> tuple[Halt, ...]:
        """The same for a page, which is shown without them while the database is away."""
        try:
            return self.halts()
        except (AppError, SQLAlchemyError) as error:
            logger.warning("halts_unknown", why=str(error))
            return ()

    def limits(self, account: str) -> LimitsInForce:
        with transaction() as session:
            return limits.in_force(session, account)

    def why_not_live(self, account: str) -> str | None:
        with transaction() as session:
            return live_trading.why_not(session, account)

    def equity(self, account: str, now: datetime) -> EquityHistory | None:
        with transaction() as session:
            return equity.history(session, account, now)

    def own_books(self, *, account: str, strategy_id: int, conid: int) -> OwnBooks:
        with transaction() as session:
            return own.own_books(session, account=account, strategy_id=strategy_id, conid=conid)
