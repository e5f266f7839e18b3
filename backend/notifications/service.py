"""`tell`: the one way by which news is kept. It goes out once it is committed."""

import math
import re
import time

from sqlalchemy import text
from sqlalchemy.orm import Session

from backend.core import events
from backend.core.clock import Clock, machine_clock
from backend.core.database import after_commit
from backend.core.logging import get_logger
from backend.core.queue import send
from backend.core.redaction import redact_text
from backend.notifications.events import Event

logger = get_logger(__name__)

SUBJECT = "notifications"
"""What open pages watch."""
DELIVER_TASK = "notifications.deliver"
REST_SECONDS = 30.0
"""After a queue that was away; Beat asks every ten."""
LONGEST_TITLE = 150
LONGEST_TEXT = 2_000
_NO_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u2028-\u202e\u2066-\u2069]+")
"""Control characters, halves of characters, and marks that turn the reading direction."""

# How the gateway was last seen: read here, so that whoever tells cannot leave it out.
_MARK = """
    COALESCE((
        SELECT CASE WHEN is_simulated THEN 'SIMULATED' WHEN is_paper THEN 'PAPER' ELSE 'LIVE' END
        FROM gateway_states
        WHERE is_simulated OR is_paper IS NOT NULL
        ORDER BY at DESC
        LIMIT 1
    ), '')
"""

# One round trip: news is told inside of transactions that hold locks on orders.
_KEEP = text(
    f"""
    WITH told AS (
        INSERT INTO notifications (key, event, title, text, path, at, mark)
        VALUES (:key, :event, :title, :text, :path, :at, {_MARK})
        ON CONFLICT (key) DO NOTHING
        RETURNING id
    ), on_its_way AS (
        INSERT INTO notification_deliveries
            (notification_id, channel_id, state, attempts, next_at)
        SELECT told.id, channel.id, 'waiting', 0, :next_at
        FROM told, notification_channels AS channel
        WHERE channel.is_on AND channel.removed_at IS NULL AND channel.events ? :event
        RETURNING id
    )
    SELECT (SELECT count(*) FROM told) AS told, (SELECT count(*) FROM on_its_way) AS on_its_way
    """
)


def tell(
    session: Session, clock: Clock, *, event: Event, key: str, title: str, text: str, path: str
) -> bool:
    """
    Keep a piece of news with the change it speaks of; False when this key was told before.

    `title` is one line, `text` some sentences, both plain; `path` is the page that shows more. It
    goes out after the commit, through every channel that carries this event. Secrets are taken
    out. Raises nothing of its own: no bad title may undo an order.
    """
    values = {
        "key": clean(key, LONGEST_TITLE),
        "event": event.value,
        "title": one_line(title),
        "text": clean(text, LONGEST_TEXT),
        "path": path if path.startswith("/") and not path.startswith("//") else "/notifications",
        "at": clock.now(),
        "next_at": machine_clock(clock).now(),
    }
    found = session.execute(_KEEP, values).one()
    if found.told:
        after_commit(session, lambda: events.publish(SUBJECT))
    if found.on_its_way and ask_for_delivery not in session.info.get("after_commit", ()):
        after_commit(session, ask_for_delivery)
    return bool(found.told)


def mark_in_force(session: Session) -> str:
    """SIMULATED, PAPER or LIVE; empty before anybody looked."""
    return str(session.scalar(text(f"SELECT {_MARK}")))


def one_line(words: str) -> str:
    return clean(" ".join(words.split()), LONGEST_TITLE)


def clean(words: str, longest: int) -> str:
    """Plain characters without secrets, cut to a length with a sign that it was cut."""
    words = redact_text(_NO_TEXT.sub(" ", words)).strip()
    return words if len(words) <= longest else f"{words[: longest - 1].rstrip()}…"


def ask_for_delivery() -> None:
    """
    Beat asks again soon, so a queue that is away delays the news and undoes nothing. To find that
    it is away takes seconds, which whoever handles orders must not wait for again and again.
    """
    if time.monotonic() - _in_vain_at[0] < REST_SECONDS:
        return
    try:
        send(DELIVER_TASK)
    except Exception as error:  # whatever kombu raises: the caller's work is committed
        _in_vain_at[0] = time.monotonic()
        logger.warning("delivery_not_asked_for", error=str(error))


_in_vain_at = [-math.inf]
