"""Channels that lead to servers on this machine, and a clock for the outbox."""

from collections.abc import Callable, Iterator

import pytest

from backend.core.clock import ManualClock
from backend.core.database import transaction
from backend.notifications import channels
from backend.notifications.events import CHOICES, Event
from backend.notifications.service import tell
from tests.support.live_engine import FRIDAY
from tests.support.news_servers import Mailbox, Webhook, mailbox, webhook

EVERYTHING = [event.value for event in CHOICES]


@pytest.fixture
def hook(set_env: Callable[..., None]) -> Iterator[Webhook]:
    """A webhook on this machine, where the settings allow to reach it."""
    set_env(NOTIFY_PRIVATE_ADDRESSES="true")
    with webhook() as server:
        yield server


@pytest.fixture
def mail(set_env: Callable[..., None]) -> Iterator[Mailbox]:
    set_env(NOTIFY_PRIVATE_ADDRESSES="true")
    with mailbox() as server:
        yield server


@pytest.fixture
def clock(db: str) -> ManualClock:
    return ManualClock(FRIDAY)


@pytest.fixture
def add(clock: ManualClock) -> Callable[..., int]:
    """A channel, by its address; answers its number."""

    def add(address: str, name: str = "ours", events: list[str] = EVERYTHING) -> int:
        with transaction() as session:
            return channels.create(
                session, clock, name=name, address=address, events=events, actor="person:ann"
            ).id

    return add


@pytest.fixture
def news(clock: ManualClock) -> Callable[..., None]:
    """Tell something, which needs a key of its own and may have an event of its own."""

    def news(
        key: str, event: Event = Event.FILL, title: str = "", text: str = "Some words."
    ) -> None:
        with transaction() as session:
            tell(
                session,
                clock,
                event=event,
                key=key,
                title=title or f"News {key}",
                text=text,
                path="/orders/7",
            )

    return news
