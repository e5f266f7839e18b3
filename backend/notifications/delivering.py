"""
What was told goes out: taken under a lease, sent by a process of its own, written down at once.

At least once: a worker that dies in the middle leaves its messages to the next, which may send one
again; the number in each message tells a reader. A channel has one sender at a time, and too much
at once becomes one summary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from backend.core import events
from backend.core.clock import Clock, machine_clock
from backend.core.database import transaction
from backend.core.errors import InvalidInput
from backend.core.logging import get_logger
from backend.notifications import wording
from backend.notifications.events import Event
from backend.notifications.models import Channel, Delivery, Notification, State
from backend.notifications.sealing import unseal
from backend.notifications.sending import Message, Result, seconds_for, send
from backend.notifications.service import SUBJECT

logger = get_logger(__name__)

PAUSES = tuple(timedelta(minutes=each) for each in (0.5, 2, 10, 30, 60, 120))
"""Before each further try; when the last one fails as well, it is given up."""
TRIES = len(PAUSES) + 1

WINDOW = timedelta(minutes=5)
MOST_USUAL = 5
MOST_URGENT = 20
"""Messages of a channel within the window; what is more waits, and comes as one."""
AT_ONCE = 500


@dataclass(frozen=True)
class Batch:
    """What goes out as one message."""

    id: str
    message: Message


@dataclass(frozen=True)
class Claim:
    """What one sender took of a channel."""

    channel_id: int
    sealed: str
    batches: Sequence[Batch]


def deliver(clock: Clock) -> int:
    """Send all that is due, channel by channel; how many messages went out."""
    machine, sent = machine_clock(clock), 0
    for channel_id in _due_channels(machine.now()):
        while claim := take(channel_id, machine.now()):
            sent += carry_out(claim, machine)
    return sent


def _due_channels(now: datetime) -> Sequence[int]:
    with transaction() as session:
        found = select(Delivery.channel_id).where(_is_due(now)).distinct()
        return session.scalars(found.order_by(Delivery.channel_id)).all()


def _is_due(now: datetime) -> ColumnElement[bool]:
    """Its time has come; of one that is being sent: its sender is dead."""
    return Delivery.state.in_([State.WAITING, State.SENDING]) & (Delivery.next_at <= now)


# --- taking ---------------------------------------------------------------------------------------


def take(channel_id: int, now: datetime) -> Claim | None:
    """What may go out through a channel now; None when another has it, or nothing may."""
    with transaction() as session:
        channel = session.scalar(
            select(Channel).where(Channel.id == channel_id).with_for_update(skip_locked=True)
        )
        if channel is None or _is_being_sent(session, channel_id, now):
            return None
        messages = [
            message
            for is_urgent in (True, False)
            for message in _allowed(session, channel_id, now, is_urgent=is_urgent)
        ]
        until = now + timedelta(seconds=seconds_for(len(messages)))
        batches = [_lease(rows, until) for rows in messages]
        return Claim(channel.id, channel.sealed, batches) if batches else None


def _is_being_sent(session: Session, channel_id: int, now: datetime) -> bool:
    alive = select(Delivery.id).where(
        Delivery.channel_id == channel_id, Delivery.state == State.SENDING, Delivery.next_at > now
    )
    return session.scalar(alive.limit(1)) is not None


_Row = tuple[Delivery, Notification]


def _allowed(
    session: Session, channel_id: int, now: datetime, *, is_urgent: bool
) -> list[list[_Row]]:
    """Rows by the message they go out in: each alone, all as one, or none until later."""
    rows = _due(session, channel_id, now, is_urgent=is_urgent)
    most = MOST_URGENT if is_urgent else MOST_USUAL
    times = _sent_within_window(session, channel_id, now)
    allowed = most - len(times)
    if len(rows) <= allowed:
        return [[row] for row in rows]
    if allowed >= 1:
        return [rows]
    for delivery, _ in rows:
        delivery.next_at = times[-most] + WINDOW
    return []


def _due(session: Session, channel_id: int, now: datetime, *, is_urgent: bool) -> list[_Row]:
    urgent = Notification.event.in_([event for event in Event if event.is_urgent])
    found = session.execute(
        select(Delivery, Notification)
        .join(Notification, Notification.id == Delivery.notification_id)
        .where(Delivery.channel_id == channel_id, _is_due(now), urgent if is_urgent else ~urgent)
        .order_by(Delivery.id)
        .limit(AT_ONCE)
        .with_for_update(of=Delivery, skip_locked=True)
    )
    rows: list[_Row] = [(delivery, news) for delivery, news in found]
    for delivery, _ in rows:
        if delivery.attempts >= TRIES:
            delivery.state, delivery.error = State.GAVE_UP, "Its sender died, and no try was left."
    return [row for row in rows if row[0].attempts < TRIES]


def _sent_within_window(session: Session, channel_id: int, now: datetime) -> list[datetime]:
    """When each message went out, oldest first."""
    found = (
        select(func.max(Delivery.sent_at))
        .where(Delivery.channel_id == channel_id, Delivery.sent_at > now - WINDOW)
        .group_by(Delivery.batch)
    )
    return sorted(session.scalars(found))


def _lease(rows: list[_Row], until: datetime) -> Batch:
    batch = str(uuid4())
    for delivery, _ in rows:
        delivery.state, delivery.batch, delivery.next_at = State.SENDING, batch, until
        delivery.attempts += 1
    if len(rows) == 1:
        [(delivery, news)] = rows
        return Batch(batch, wording.single(news, delivery.attempts))
    return Batch(batch, wording.summary([news for _, news in rows]))


def take_test(session: Session, channel: Channel, news: Notification, now: datetime) -> Claim:
    """A message that a person waits for: sent at once, by the caller alone, and only once."""
    delivery = Delivery(
        notification_id=news.id,
        channel_id=channel.id,
        state=State.SENDING,
        attempts=TRIES - 1,
        next_at=now,
    )
    session.add(delivery)
    until = now + timedelta(seconds=seconds_for(1))
    return Claim(channel.id, channel.sealed, [_lease([(delivery, news)], until)])


# --- sending --------------------------------------------------------------------------------------


def carry_out(claim: Claim, machine: Clock) -> int:
    """Send what was taken, note each result at once; how many messages went out."""
    for index, (batch, result) in enumerate(zip(claim.batches, _results(claim), strict=False)):
        with transaction() as session:
            _note(session, batch.id, result, machine.now())
            if result.error is not None:
                # The others would most likely meet the same: they wait as long, or end with it.
                for later in claim.batches[index + 1 :]:
                    _note(session, later.id, result, machine.now(), was_tried=False)
        events.publish(SUBJECT)
        if result.error is not None:
            logger.warning("news_not_sent", channel=claim.channel_id, reason=result.error)
            return index
    return len(claim.batches)


def _results(claim: Claim) -> Iterator[Result]:
    try:
        address = unseal(claim.sealed)
    except InvalidInput as error:
        yield Result(error.message, is_final=True)
        return
    yield from send(address, [batch.message for batch in claim.batches])


def _note(
    session: Session, batch: str, result: Result, now: datetime, *, was_tried: bool = True
) -> None:
    """Only what is still ours: another took over what we held for too long."""
    held = select(Delivery).where(Delivery.batch == batch, Delivery.state == State.SENDING)
    for delivery in session.scalars(held.with_for_update()):
        if result.error is None:
            delivery.state, delivery.sent_at, delivery.error = State.SENT, now, None
            continue
        delivery.error = result.error
        pause = PAUSES[min(delivery.attempts, len(PAUSES)) - 1]
        if not was_tried:
            delivery.attempts -= 1
        if result.is_final or delivery.attempts >= TRIES:
            delivery.state = State.GAVE_UP
        else:
            delivery.state, delivery.next_at = State.WAITING, now + pause
