"""What people write beside a round trip."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.database import Model


class Note(Model):
    """The last word of it; earlier ones stand in the audit log."""

    __tablename__ = "round_trip_notes"
    __table_args__ = (Index("round_trip_notes_by_tag", "tags", postgresql_using="gin"),)

    round_trip_id: Mapped[int] = mapped_column(
        BigInteger, ForeignKey("round_trips.id"), primary_key=True, autoincrement=False
    )
    text: Mapped[str]
    tags: Mapped[list[str]]
    """Lower case, sorted, each once."""
    written_at: Mapped[datetime]
    written_by: Mapped[str]
