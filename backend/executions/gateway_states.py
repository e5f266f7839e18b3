"""What was seen of the broker's gateway: for the banner of every page and for its time line."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session as DatabaseSession

from backend.brokers.base import Account, Broker, Session, SessionStatus
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import AppError
from backend.core.logging import get_logger
from backend.executions.models import GatewayState
from backend.web.standing import Standing

logger = get_logger(__name__)

# The broker's session is looked at once a minute; two looks may fail before we say so.
STALE_AFTER = timedelta(minutes=3)
KEEP = timedelta(days=90)
CACHE_SECONDS = 5.0

_LOCK = 5_041_929


def observe(broker: Broker, clock: Clock) -> Session:
    """Bring the session up where that needs no person, and keep what was seen; as the broker's."""
    session = broker.ensure_session()
    account, detail = _account(broker, session)
    record(clock, session, account, detail)
    return session


def record(clock: Clock, session: Session, account: Account | None, detail: str) -> None:
    now = clock.now()
    with transaction() as database:
        # Two workers that look at once would otherwise both add the same change.
        database.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        newest = _newest(database)
        row = GatewayState(
            at=now,
            status=session.status,
            account=account and account.id,
            is_paper=account and account.is_paper,
            is_simulated=session.is_simulated,
        )
        if newest is None or _differs(newest, row):
            _forget_old(database, now)
            database.add(row)
        else:
            row = newest
        row.last_seen_at, row.detail = now, detail
        row.login_expires_at = session.login_expires_at


def since(session: DatabaseSession, moment: datetime) -> list[GatewayState]:
    """Every state that was seen at `moment` or later, oldest first."""
    rows = select(GatewayState).where(GatewayState.last_seen_at >= moment)
    return list(session.scalars(rows.order_by(GatewayState.at)))


def standing(session: DatabaseSession, clock: Clock) -> Standing | None:
    """The newest state; None before anybody looked."""
    row = _newest(session)
    if row is None:
        return None
    return Standing(
        status=row.status.value,
        detail=row.detail,
        account=row.account,
        is_paper=row.is_paper,
        is_simulated=row.is_simulated,
        as_of=row.last_seen_at,
        login_expires_at=row.login_expires_at,
        is_stale=clock.now() - row.last_seen_at > STALE_AFTER,
    )


def reader(clock: Clock) -> Callable[[], Standing | None]:
    """
    A function that pages may call as often as they like: it asks once in some seconds.

    It never raises; without a database it returns None.
    """
    known: list[tuple[float, Standing | None]] = []

    def read() -> Standing | None:
        if not known or time.monotonic() - known[0][0] > CACHE_SECONDS:
            known[:] = [(time.monotonic(), _read(clock))]
        return known[0][1]

    return read


def _read(clock: Clock) -> Standing | None:
    try:
        with transaction() as session:
            return standing(session, clock)
    except (AppError, SQLAlchemyError) as error:
        logger.warning("standing_unknown", why=str(error))
        return None


def _account(broker: Broker, session: Session) -> tuple[Account | None, str]:
    """The selected account, and a sentence that says why there is none."""
    if session.status is not SessionStatus.READY:
        return None, session.detail
    try:
        listed = broker.accounts()
    except AppError as error:
        return None, error.message
    selected = next((account for account in listed if account.is_selected), None)
    if selected is None:
        return None, "The gateway has selected no account; set IBKR_ACCOUNT."
    return selected, session.detail


def _newest(session: DatabaseSession) -> GatewayState | None:
    return session.scalar(select(GatewayState).order_by(GatewayState.at.desc()).limit(1))


def _differs(newest: GatewayState, row: GatewayState) -> bool:
    """The sentence and the forecast of the next login move on without being a change."""
    if row.at - newest.last_seen_at > STALE_AFTER:
        return True
    told = ("status", "account", "is_paper", "is_simulated")
    return any(getattr(newest, name) != getattr(row, name) for name in told)


def _forget_old(session: DatabaseSession, now: datetime) -> None:
    session.execute(
        text("DELETE FROM gateway_states WHERE last_seen_at < :before"), {"before": now - KEEP}
    )
