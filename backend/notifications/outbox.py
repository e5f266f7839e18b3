"""What was told, the newest first, with how far it got through each channel."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from backend.core.clock import Clock, machine_clock
from backend.core.database import after_commit
from backend.core.errors import Conflict, NotFound
from backend.notifications.delivering import TRIES
from backend.notifications.events import Event
from backend.notifications.models import Channel, Delivery, Notification, State
from backend.notifications.service import ask_for_delivery
from backend.web import audit

PAGE = 50


class Show(StrEnum):
    ALL = "all"
    UNDER_WAY = "under_way"
    GAVE_UP = "gave_up"


_STATES = {Show.UNDER_WAY: (State.WAITING, State.SENDING), Show.GAVE_UP: (State.GAVE_UP,)}


@dataclass(frozen=True)
class Way:
    """One piece of news on its way through one channel, as people see it."""

    delivery: Delivery
    channel: str

    @property
    def state(self) -> State:
        return self.delivery.state

    @property
    def is_held_back(self) -> bool:
        """It waits since too much went out, not since anything failed."""
        return self.state is State.WAITING and self.delivery.error is None

    @property
    def tries(self) -> str:
        return f"try {self.delivery.attempts} of {TRIES}"


@dataclass(frozen=True)
class Told:
    news: Notification
    ways: Sequence[Way]


def find(
    session: Session,
    *,
    show: Show = Show.ALL,
    event: Event | None = None,
    before: int | None = None,
    limit: int = PAGE,
) -> list[Told]:
    query = select(Notification).order_by(Notification.id.desc()).limit(limit)
    if show in _STATES:
        query = query.where(Notification.id.in_(_with_state(_STATES[show])))
    if event is not None:
        query = query.where(Notification.event == event)
    if before is not None:
        query = query.where(Notification.id < before)
    news = session.scalars(query).all()
    ways = _ways(session, [each.id for each in news])
    return [Told(each, ways.get(each.id, [])) for each in news]


def count_given_up(session: Session) -> int:
    given_up = select(func.count()).select_from(Delivery).where(Delivery.state == State.GAVE_UP)
    return session.scalars(given_up).one()


def mark(session: Session) -> str:
    """A short text that is another one as soon as anything was told, or has moved."""
    under_way = Delivery.state.in_(_STATES[Show.UNDER_WAY])
    newest = session.scalar(select(func.max(Notification.id)))
    moving = session.execute(
        select(func.count(), func.sum(Delivery.attempts)).where(under_way)
    ).one()
    return f"{newest or 0}.{moving[0]}.{moving[1] or 0}"


def try_again(session: Session, clock: Clock, delivery_id: int, *, actor: str) -> Delivery:
    """What was given up starts anew. Raises `NotFound`, and `Conflict` for any other state."""
    row = session.scalar(select(Delivery).where(Delivery.id == delivery_id).with_for_update())
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id}.")
    channel = session.get_one(Channel, row.channel_id)
    if row.state is not State.GAVE_UP:
        raise Conflict(f"Only what was given up can be tried again; this one is {row.state}.")
    if not channel.is_on:
        raise Conflict(f"The channel {channel.name!r} is switched off or gone: switch it on first.")
    row.state, row.attempts, row.next_at = State.WAITING, 0, machine_clock(clock).now()
    row.error = None
    audit.record(
        session,
        clock,
        actor=actor,
        action="channel.tried_again",
        subject=channel.subject,
        after={"message": row.notification_id},
    )
    after_commit(session, ask_for_delivery)
    return row


def _ways(session: Session, ids: list[int]) -> dict[int, list[Way]]:
    found = session.execute(
        select(Delivery, Channel.name)
        .join(Channel, Channel.id == Delivery.channel_id)
        .where(Delivery.notification_id.in_(ids))
        .order_by(Channel.name, Delivery.id)
    )
    ways: dict[int, list[Way]] = {}
    for delivery, name in found:
        ways.setdefault(delivery.notification_id, []).append(Way(delivery, name))
    return ways


def _with_state(states: Sequence[State]) -> Select[int]:
    return select(Delivery.notification_id).where(Delivery.state.in_(states))
