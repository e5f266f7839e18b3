"""
What open pages and programs are told while executions run, as server-sent events.

Truth is the database: the id of an event is the number of records that its reader knows by then,
so that one who comes back after a lost connection is told everything since.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from fastapi.sse import format_sse_event
from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core.database import DatabaseAway, transaction
from backend.executions import service
from backend.executions.models import Execution, Status
from backend.web.live import KEEPALIVE, POLL_SECONDS, RETRY, SIGNED_OUT, Hub

SECONDS_BETWEEN_CHANGES = 1.0
"""Lists of executions are told of changes at most this often, however many there are."""

Look = Callable[[Session, Execution, int], list[bytes]]
"""
The events for a reader that knows so many records of this execution; the same for every reader.
"""

MayRead = Callable[[Session], bool]


@dataclass(frozen=True, kw_only=True)
class _News:
    """`mark` is what the execution's row said; there are no events when it says the same still."""

    mark: tuple[Any, ...]
    known: int
    events: list[bytes] = field(default_factory=list)
    is_over: bool = False


async def follow(
    hub: Hub, kind: str, execution_id: int, known: int, look: Look, may_read: MayRead
) -> AsyncIterator[bytes]:
    """
    All that happens to one execution beyond `known` records, until it has finished.

    The first events come at once, whatever the reader knows: the state may have changed without a
    record. Ends as well when `may_read` says no: a sign-out closes the pages that are open.
    `kind` names the looks that tell the same.
    """
    yield RETRY
    news = _News(mark=(), known=known)
    asked_at = -POLL_SECONDS
    with hub.watching(service.subject(execution_id)) as waker:
        while not news.is_over:
            is_due = time.monotonic() - asked_at >= POLL_SECONDS
            asked_at = time.monotonic() if is_due else asked_at
            asked = may_read if is_due else _yes
            try:
                news = await hub.read(partial(_news, hub, kind, execution_id, news, look, asked))
            except DatabaseAway:
                news = _News(mark=news.mark, known=news.known)
            for event in news.events or [KEEPALIVE]:
                yield event
            if not news.is_over:
                await waker.wait(POLL_SECONDS)


def _yes(_session: Session) -> bool:
    """Whoever was allowed a moment ago is not asked for again at every record."""
    return True


def _news(
    hub: Hub, kind: str, execution_id: int, before: _News, look: Look, may_read: MayRead
) -> _News:
    with transaction() as session:
        if not may_read(session):
            return _News(mark=(), known=before.known, events=[SIGNED_OUT], is_over=True)
        execution = service.get(session, execution_id)
        mark = _mark(execution)
        if mark == before.mark:
            return _News(mark=mark, known=before.known)
        # A state and what its reader knows decide what to tell: records never change.
        key = (kind, execution_id, before.known, *mark)
        return _News(
            mark=mark,
            known=execution.record_count,
            events=hub.shared.get(key, lambda: look(session, execution, before.known)),
            is_over=execution.status is Status.FINISHED,
        )


def _mark(execution: Execution) -> tuple[Any, ...]:
    return (
        execution.record_count,
        execution.status,
        execution.current_step,
        execution.current_attempt,
    )


async def follow_all(hub: Hub, known: str, may_read: MayRead) -> AsyncIterator[bytes]:
    """
    A note that some execution has changed, at most one a second, to a reader who has seen `known`.

    An empty `known` stands for the present state.
    """
    yield RETRY
    with hub.watching("executions") as waker:
        while True:
            try:
                mark = await hub.read(partial(_mark_if_allowed, may_read))
            except DatabaseAway:
                mark = known
            if mark is None:
                yield SIGNED_OUT
                return
            is_new = bool(known) and mark != known
            yield format_sse_event(event="changed", id=mark, data_str="{}") if is_new else KEEPALIVE
            known = mark
            await asyncio.sleep(SECONDS_BETWEEN_CHANGES)
            await waker.wait(POLL_SECONDS)


def _mark_if_allowed(may_read: MayRead) -> str | None:
    with transaction() as session:
        return mark_of_all(session) if may_read(session) else None


def mark_of_all(session: Session) -> str:
    """A short text that is another one as soon as any execution was made or has moved."""
    numbers = session.execute(_MARK_OF_ALL).one()
    return ".".join(str(number) for number in numbers)


# Index scans alone: the newest id, and the few that are under way.
_MARK_OF_ALL = text("""
SELECT (SELECT COALESCE(max(id), 0) FROM executions), count(*),
  count(*) FILTER (WHERE status = 'running'), count(*) FILTER (WHERE status = 'parked'),
  count(*) FILTER (WHERE status = 'waiting'),
  COALESCE(sum(record_count), 0), COALESCE(sum(current_attempt), 0)
FROM executions WHERE status <> 'finished'
""")
