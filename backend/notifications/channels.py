"""Channels: who is told by which way of what. An address goes in, and never comes out again."""

from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.core.clock import Clock, machine_clock
from backend.core.database import transaction
from backend.core.errors import Conflict, InvalidInput, NotFound, did_you_mean
from backend.notifications import delivering, sending
from backend.notifications.events import CHOICES, Event
from backend.notifications.models import Channel, Delivery, Notification, State
from backend.notifications.sealing import seal
from backend.notifications.service import clean, mark_in_force
from backend.web import audit

LONGEST_NAME = 60
LONGEST_ADDRESS = 2_000


def list_all(session: Session) -> list[Channel]:
    """In the order of their names; removed ones are not among them."""
    found = select(Channel).where(Channel.removed_at.is_(None))
    return list(session.scalars(found.order_by(Channel.name, Channel.id)))


def get(session: Session, channel_id: int) -> Channel:
    """Raises `NotFound`, for a removed one, too."""
    row = session.get(Channel, channel_id)
    if row is None or row.removed_at is not None:
        raise NotFound(f"There is no channel {channel_id}.")
    return row


def create(
    session: Session, clock: Clock, *, name: str, address: str, events: list[str], actor: str
) -> Channel:
    """
    Keep a channel that begins to carry these events with the next one told.

    Looks at the address in a process of its own, which takes a second. Raises `InvalidInput` that
    names the field, `Conflict` for a name in use.
    """
    name, events = _name(name), _events(events)
    address = _address(address)
    found = sending.place(address)
    row = Channel(
        name=name,
        kind=found.kind,
        host=found.host,
        sealed=seal(address),
        events=events,
        is_on=True,
        created_at=clock.now(),
        created_by=actor,
    )
    _add(session, row)
    _note(session, clock, actor, "created", row, after=_shown(row))
    return row


def change(
    session: Session,
    clock: Clock,
    channel_id: int,
    *,
    actor: str,
    events: list[str] | None = None,
    is_on: bool | None = None,
    address: str | None = None,
) -> Channel:
    """What is None stays as it is. Switched off, it lets go of what still waited to be sent."""
    if address is not None:
        address = _address(address)
        found = sending.place(address)  # before any row is read: it takes a second
    row = get(session, channel_id)
    before = _shown(row)
    if address is not None:
        row.kind, row.host, row.sealed = found.kind, found.host, seal(address)
    if events is not None:
        row.events = _events(events)
    if is_on is not None:
        row.is_on = is_on
        if not is_on:
            _let_go(session, row)
    after = _shown(row)
    if address is not None:
        after["address"] = "entered anew"
    if before != after:
        _note(session, clock, actor, "changed", row, before=before, after=after)
    return row


def remove(session: Session, clock: Clock, channel_id: int, *, actor: str) -> Channel:
    """Its address is gone for good; what it sent stays in the outbox under its name."""
    row = get(session, channel_id)
    before = _shown(row)
    row.removed_at, row.sealed, row.is_on = clock.now(), "", False
    _let_go(session, row)
    _note(session, clock, actor, "removed", row, before=before)
    return row


def send_test(clock: Clock, channel_id: int, *, actor: str) -> Delivery:
    """
    Send a message now, wait for the result and keep it: some seconds, half a minute at worst.

    Not within a transaction of the caller's: nothing is open while the service is asked. Raises
    `NotFound`.
    """
    machine = machine_clock(clock)
    with transaction() as session:
        row = get(session, channel_id)
        news = Notification(
            key=f"test {uuid4()}",
            event=Event.TEST,
            title=f"Glassbox reaches you through {row.name}",
            text="This is the test that you asked for. News of the events that you chose for this"
            " channel will come the same way.",
            path="/notifications",
            at=clock.now(),
            mark=mark_in_force(session),
        )
        session.add(news)
        session.flush()
        claim = delivering.take_test(session, row, news, machine.now())
        audit.record(session, clock, actor=actor, action="channel.tested", subject=row.subject)
    delivering.carry_out(claim, machine)
    with transaction() as session:
        found = select(Delivery).where(Delivery.notification_id == news.id)
        return session.scalars(found).one()


def _add(session: Session, row: Channel) -> None:
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict(
            f"A channel is already named {row.name!r}. Choose another name.", field="name"
        ) from None


def _let_go(session: Session, row: Channel) -> None:
    waiting = (Delivery.channel_id == row.id) & (Delivery.state == State.WAITING)
    session.execute(update(Delivery).where(waiting).values(state=State.DROPPED))


def _name(name: str) -> str:
    name = clean(" ".join(name.split()), LONGEST_NAME + 1)
    if not name:
        raise InvalidInput("Give the channel a name, so that you know it again.", field="name")
    if len(name) > LONGEST_NAME:
        raise InvalidInput(f"A name has {LONGEST_NAME} characters at most.", field="name")
    return name


def _address(address: str) -> str:
    address = address.strip()
    if not address or "://" not in address:
        raise InvalidInput(
            "Enter the address of a service, such as tgram://TOKEN/CHAT; the examples show how"
            " each kind begins.",
            field="address",
        )
    if len(address) > LONGEST_ADDRESS or not address.isprintable():
        raise InvalidInput(
            f"An address is one line of {LONGEST_ADDRESS:,} characters at most.", field="address"
        )
    return address


def _events(events: list[str]) -> list[str]:
    known = [event.value for event in CHOICES]
    for each in events:
        if each not in known:
            raise InvalidInput(
                f"No event is named {each!r}.{did_you_mean(each, known)} Choose from"
                f" {', '.join(known)}.",
                field="events",
            )
    return [each for each in known if each in events]


def _shown(row: Channel) -> dict[str, object]:
    return {"kind": row.kind, "host": row.host, "events": row.events, "is_on": row.is_on}


def _note(
    session: Session,
    clock: Clock,
    actor: str,
    what: str,
    row: Channel,
    *,
    before: dict[str, object] | None = None,
    after: dict[str, object] | None = None,
) -> None:
    audit.record(
        session,
        clock,
        actor=actor,
        action=f"channel.{what}",
        subject=row.subject,
        before=before,
        after=after,
    )
