"""What was told, through which channels it goes, and how far each of them got."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.database import Model
from backend.notifications.events import Event


class Notification(Model):
    """A piece of news, kept whether anybody is told or not; its key keeps it from coming twice."""

    __tablename__ = "notifications"
    __table_args__ = (Index("notifications_by_time", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    event: Mapped[Event]
    title: Mapped[str]
    text: Mapped[str]
    path: Mapped[str]
    """The page that shows more, such as `/executions/5`."""
    mark: Mapped[str]
    """SIMULATED, PAPER or LIVE, as the gateway was last seen then; empty before anybody looked."""
    at: Mapped[datetime]


class Channel(Model):
    """A way to somebody. Its address can hold passwords, so it is kept sealed and never shown."""

    __tablename__ = "notification_channels"
    __table_args__ = (
        # A removed one gives its name free, and keeps what it sent readable.
        Index(
            "notification_channels_name",
            "name",
            unique=True,
            postgresql_where=text("removed_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    kind: Mapped[str]
    """The service's name, such as Telegram."""
    host: Mapped[str]
    """Where it leads; empty for services that have one address for all."""
    sealed: Mapped[str]
    """The address, encrypted; empty once the channel was removed."""
    events: Mapped[list[str]]
    is_on: Mapped[bool]
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    removed_at: Mapped[datetime | None]

    @property
    def subject(self) -> str:
        """As the audit log names this channel."""
        return f"channel {self.name}"


class State(StrEnum):
    WAITING = "waiting"  #: for its turn, or for its next try
    SENDING = "sending"
    SENT = "sent"
    GAVE_UP = "gave_up"  #: after its last try
    DROPPED = "dropped"  #: its channel was switched off or removed first


class Delivery(Model):
    """One piece of news on its way through one channel. Times are the machine's own."""

    __tablename__ = "notification_deliveries"
    __table_args__ = (
        Index("notification_deliveries_once", "notification_id", "channel_id", unique=True),
        Index(
            "notification_deliveries_due",
            "channel_id",
            "next_at",
            postgresql_where=text("state IN ('waiting', 'sending')"),
        ),
        Index("notification_deliveries_sent", "channel_id", "sent_at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    notification_id: Mapped[int] = mapped_column(ForeignKey("notifications.id"))
    channel_id: Mapped[int] = mapped_column(ForeignKey("notification_channels.id"))
    state: Mapped[State]
    attempts: Mapped[int]
    next_at: Mapped[datetime]
    """When it may be tried; while it is being sent, when its sender counts as dead."""
    batch: Mapped[str | None]
    """Which sending took it: those of one batch went out as one message."""
    sent_at: Mapped[datetime | None]
    error: Mapped[str | None]
    """What came of the last try, where it failed."""
