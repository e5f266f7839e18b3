"""A piece of news, or many at once, as a message that stands alone on a phone's screen."""

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from backend.core.settings import settings
from backend.notifications.events import Event
from backend.notifications.models import Notification
from backend.notifications.sending import Message
from backend.notifications.service import one_line
from backend.web.addresses import web_address

TITLES_IN_SUMMARY = 12

_KINDS: dict[Event, Literal["success", "warning", "failure"]] = {
    Event.FILL: "success",
    Event.REFUSAL: "warning",
    Event.DRIFT: "failure",
    Event.HALT: "warning",
    Event.LOSS_NEAR_LIMIT: "warning",
    Event.FAILURE: "failure",
    Event.SESSION_TROUBLE: "warning",
    Event.ORDER_TROUBLE: "failure",
}


def single(news: Notification, attempt: int) -> Message:
    """`attempt` counts from 1; a reader of a later one is told that it may have come before."""
    last_line = [news.event.label, f"{news.at:%Y-%m-%d %H:%M} UTC", f"message {news.id}"]
    if attempt > 1:
        last_line.append(f"try {attempt}, it may have come before")
    return Message(
        title=_marked(news.mark, news.title),
        text="\n\n".join(filter(None, [news.text, link(news.path), " · ".join(last_line)])),
        kind=_KINDS.get(news.event, "info"),
    )


def summary(news: Sequence[Notification]) -> Message:
    """One message for too many at once; the outbox has each of them whole."""
    counts = Counter(each.event for each in news)
    parts = ", ".join(f"{event.label} {count}" for event, count in counts.most_common())
    marks = " and ".join(sorted({each.mark for each in news if each.mark}))
    lines = [f"{each.at:%H:%M} {_marked(each.mark, each.title)}" for each in news]
    rest = len(lines) - TITLES_IN_SUMMARY
    if rest > 0:
        lines[TITLES_IN_SUMMARY:] = [f"and {rest} more"]
    last_line = f"UTC · messages {news[0].id} to {news[-1].id}, together since they came at once"
    return Message(
        title=_marked(marks, f"{len(news)} messages: {parts}"),
        text="\n\n".join(["\n".join(lines), link("/notifications"), last_line]),
        kind="warning",
    )


def link(path: str) -> str:
    """Where the page is for people who read this elsewhere."""
    return f"{settings().web_url.rstrip('/') or web_address()}{path}"


def _marked(mark: str, title: str) -> str:
    return one_line(f"[{mark}] {title}" if mark else title)
