"""REST for channels and for what was told. No answer holds an address."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from backend.core.database import SessionDep
from backend.notifications import channels, outbox
from backend.notifications.channels import LONGEST_ADDRESS, LONGEST_NAME
from backend.notifications.events import CHOICES, Event
from backend.notifications.models import Channel, State
from backend.notifications.outbox import Show, Told
from backend.web.security import Operator, Reader
from backend.web.state import ActorDep, ClockDep

router = APIRouter(prefix="/api/notifications")

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
BigId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Events = Annotated[
    list[str],
    Field(max_length=50, description=f"Any of {', '.join(CHOICES)}; all others are left out."),
]
Address = Annotated[
    str,
    Field(max_length=LONGEST_ADDRESS, description="Kept encrypted, and never given out again."),
]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewChannel(Strict):
    name: str = Field(max_length=LONGEST_NAME)
    address: Address
    events: Events = Field(default_factory=lambda: [event.value for event in CHOICES])


class ChannelChange(Strict):
    """What is left out stays as it is."""

    address: Address | None = None
    events: Events | None = None
    is_on: bool | None = Field(None, description="False lets go of what still waits to be sent.")


class ChannelOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    name: str
    kind: str
    host: str = Field(description="Empty for services that have one address for all.")
    events: list[str]
    is_on: bool
    created_at: datetime
    created_by: str


class ChannelsOut(BaseModel):
    channels: list[ChannelOut]


class DeliveryOut(BaseModel):
    id: int
    channel: str
    state: State
    attempts: int
    next_at: datetime | None = Field(description="When it is tried next, while it waits.")
    sent_at: datetime | None
    error: str | None = Field(description="What came of the last try, where it failed.")


class NewsOut(BaseModel):
    id: int
    key: str
    event: Event
    title: str
    text: str
    path: str
    at: datetime
    mark: str = Field(description="SIMULATED, PAPER or LIVE; empty when nobody knew.")
    deliveries: list[DeliveryOut]


class OutboxOut(BaseModel):
    notifications: list[NewsOut]


class TestOut(BaseModel):
    is_sent: bool
    error: str | None = Field(description="The service's own words, without secrets.")


@router.get("")
def get_notifications(
    session: SessionDep,
    _key: Reader,
    show: Show = Show.ALL,
    event: Event | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = outbox.PAGE,
) -> OutboxOut:
    """What was told, the newest first; `before` is the last id of the page in front."""
    found = outbox.find(session, show=show, event=event, before=before, limit=limit)
    return OutboxOut(notifications=[_news(each) for each in found])


@router.get("/channels")
def get_channels(session: SessionDep, _key: Reader) -> ChannelsOut:
    return ChannelsOut(channels=[_channel(row) for row in channels.list_all(session)])


@router.post("/channels", status_code=201)
def add_channel(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, new: NewChannel
) -> ChannelOut:
    """Begin to tell somebody; the address is looked at first, which takes a second."""
    row = channels.create(
        session, clock, name=new.name, address=new.address, events=new.events, actor=actor
    )
    return _channel(row)


@router.put("/channels/{channel_id}")
def change_channel(
    session: SessionDep,
    clock: ClockDep,
    _key: Operator,
    actor: ActorDep,
    channel_id: Id,
    change: ChannelChange,
) -> ChannelOut:
    return _channel(channels.change(session, clock, channel_id, actor=actor, **change.model_dump()))


@router.delete("/channels/{channel_id}", status_code=204)
def remove_channel(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, channel_id: Id
) -> None:
    """Its address is gone for good; what it sent stays in the outbox."""
    channels.remove(session, clock, channel_id, actor=actor)


@router.post("/channels/{channel_id}/test")
def send_test(clock: ClockDep, _key: Operator, actor: ActorDep, channel_id: Id) -> TestOut:
    """Send a message now and wait for the service's answer, half a minute at worst."""
    delivery = channels.send_test(clock, channel_id, actor=actor)
    return TestOut(is_sent=delivery.state is State.SENT, error=delivery.error)


@router.post("/deliveries/{delivery_id}/again", status_code=204)
def try_again(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, delivery_id: BigId
) -> None:
    """What was given up starts anew."""
    outbox.try_again(session, clock, delivery_id, actor=actor)


def _channel(row: Channel) -> ChannelOut:
    return ChannelOut.model_validate(row)


def _news(told: Told) -> NewsOut:
    news = told.news
    return NewsOut(
        id=news.id,
        key=news.key,
        event=news.event,
        title=news.title,
        text=news.text,
        path=news.path,
        at=news.at,
        mark=news.mark,
        deliveries=[
            DeliveryOut(
                id=way.delivery.id,
                channel=way.channel,
                state=way.state,
                attempts=way.delivery.attempts,
                next_at=way.delivery.next_at if way.state is State.WAITING else None,
                sent_at=way.delivery.sent_at,
                error=way.delivery.error,
            )
            for way in told.ways
        ],
    )
