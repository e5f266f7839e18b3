"""Series that a person has fetched: asked for, run by a worker, told about on the page."""

from datetime import datetime, timedelta

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError
from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session

from backend.brokers.base import Contract
from backend.core import queue
from backend.core.clock import Clock
from backend.core.database import after_commit, transaction
from backend.core.errors import AppError, Conflict, InvalidInput
from backend.core.logging import get_logger
from backend.core.values import Timeframe
from backend.market import contracts
from backend.market.models import BarFetch
from backend.market.service import MarketData
from backend.web import audit

logger = get_logger(__name__)

FETCH_TASK = "executions.fetch_bars"
FEWEST, MOST = 30, 5_000
LOST_AFTER = timedelta(minutes=15)
"""A fetch that was not finished by then has lost its worker, or its message."""


def ask(
    session: Session,
    clock: Clock,
    contract: Contract,
    timeframe: Timeframe,
    *,
    count: int,
    is_anew: bool,
    actor: str,
) -> BarFetch:
    """
    Raises `InvalidInput` for a number of bars out of reach, and `Conflict` while this series is
    being fetched already.
    """
    if not FEWEST <= count <= MOST:
        raise InvalidInput(
            f"count: choose from {FEWEST} to {MOST:,} bars, not {count}.", field="count"
        )
    now = clock.now()
    session.execute(text("SELECT pg_advisory_xact_lock(:conid)"), {"conid": contract.conid})
    _give_up_lost(session, now)
    if under_way(session, contract.conid, timeframe):
        raise Conflict(
            f"The {timeframe} bars of {contract.symbol} are being fetched already; wait until that"
            " is done.",
            code="already_fetching",
        )
    fetch = BarFetch(
        conid=contract.conid,
        timeframe=timeframe,
        count=count,
        is_anew=is_anew,
        requested_at=now,
        requested_by=actor,
    )
    session.add(fetch)
    session.flush()
    audit.record(
        session,
        clock,
        actor=actor,
        action="bars.fetch_asked",
        subject=f"{contract.symbol} {timeframe}",
        after={"count": count, "anew": is_anew},
    )
    return fetch


def send_after_commit(session: Session, fetch_id: int) -> None:
    def send() -> None:
        try:
            queue.send(FETCH_TASK, fetch_id)
        except (OperationalError, RedisError, OSError) as error:
            # Nobody sends it again: after a while it is told as lost, and may be asked for anew.
            logger.warning("fetch_not_sent", id=fetch_id, error=str(error))

    after_commit(session, send)


def run(fetch_id: int, market: MarketData, clock: Clock) -> None:
    """Once: a fetch that somebody has begun, or that is done, is left alone."""
    with transaction() as session:
        begun = session.execute(
            update(BarFetch)
            .where(BarFetch.id == fetch_id, BarFetch.started_at.is_(None))
            .where(BarFetch.finished_at.is_(None))
            .values(started_at=clock.now())
            .returning(BarFetch)
        ).scalar_one_or_none()
        contract = contracts.known_by_conid(session, begun.conid) if begun else None
    if begun is None or contract is None:
        return
    bars, problem = _fetch(begun, contract, market, clock)
    with transaction() as session:
        session.execute(
            update(BarFetch)
            .where(BarFetch.id == fetch_id)
            .values(finished_at=clock.now(), bars=bars, problem=problem)
        )


def _fetch(
    fetch: BarFetch, contract: Contract, market: MarketData, clock: Clock
) -> tuple[int | None, str | None]:
    try:
        if fetch.is_anew:
            return market.fetch_again(contract, fetch.timeframe, fetch.count), None
        found = market.bars(contract, fetch.timeframe, fetch.count, clock.now())
        return found.fetched, None
    except AppError as error:
        return None, error.message


def under_way(session: Session, conid: int, timeframe: Timeframe | None = None) -> list[BarFetch]:
    query = select(BarFetch).where(BarFetch.conid == conid, BarFetch.finished_at.is_(None))
    if timeframe is not None:
        query = query.where(BarFetch.timeframe == timeframe)
    return list(session.scalars(query))


def newest(session: Session, conid: int) -> dict[Timeframe, BarFetch]:
    """The last fetch of each of a contract's series."""
    query = (
        select(BarFetch)
        .where(BarFetch.conid == conid)
        .ext(distinct_on(BarFetch.timeframe))
        .order_by(BarFetch.timeframe, BarFetch.id.desc())
    )
    return {fetch.timeframe: fetch for fetch in session.scalars(query)}


def _give_up_lost(session: Session, now: datetime) -> None:
    session.execute(
        update(BarFetch)
        .where(BarFetch.finished_at.is_(None), BarFetch.requested_at < now - LOST_AFTER)
        .values(finished_at=now, problem="The worker fell silent before it was done.")
    )
