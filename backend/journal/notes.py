"""What a person writes beside a round trip, with tags to find it by."""

import re

from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.errors import InvalidInput
from backend.journal import finding
from backend.journal.models import Note
from backend.web import audit

LONGEST = 4_000
MOST_TAGS = 10
_TAG = re.compile(r"[\w][\w-]{0,29}")


def tags_of(text: str) -> list[str]:
    """Apart by commas or blanks. Raises `InvalidInput`, naming the one that does not do."""
    tags = sorted({each.lower() for each in re.split(r"[\s,]+", text) if each})
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise InvalidInput(
                f"{tag[:40]!r} is no tag. Use letters, digits, - and _, at most 30 of them, such"
                " as late-entry.",
                field="tags",
            )
    if len(tags) > MOST_TAGS:
        raise InvalidInput(f"Choose at most {MOST_TAGS} tags; these are {len(tags)}.", field="tags")
    return tags


def write(
    session: Session, clock: Clock, round_trip_id: int, *, text: str, tags: str, actor: str
) -> None:
    """
    In place of what stood there; with neither text nor tags the note is gone.

    Raises `NotFound` and `InvalidInput`.
    """
    finding.get(session, round_trip_id)
    text, found = text.replace("\r\n", "\n").strip(), tags_of(tags)
    _check(text)
    note = session.get(Note, round_trip_id, with_for_update=True)
    before = None if note is None else {"text": note.text, "tags": note.tags}
    after = {"text": text, "tags": found} if text or found else None
    if before == after:
        return
    if note is not None:
        session.delete(note)
        session.flush()
    if after is not None:
        written = {"written_at": clock.now(), "written_by": actor}
        session.add(Note(round_trip_id=round_trip_id, text=text, tags=found, **written))
    audit.record(
        session,
        clock,
        actor=actor,
        action="round_trip.noted",
        subject=f"round trip {round_trip_id}",
        before=before,
        after=after,
    )


def _check(text: str) -> None:
    if len(text) > LONGEST:
        raise InvalidInput(
            f"A note has at most {LONGEST:,} characters; this one has {len(text):,}.", field="text"
        )
    if "\x00" in text:
        raise InvalidInput("Take the character with the code 0 out of the note.", field="text")
