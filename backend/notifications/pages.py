"""Notifications: the channels, what each carries, and the outbox with what became of it."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.core.clock import Clock, machine_clock
from backend.core.database import SessionDep
from backend.core.errors import AppError
from backend.core.settings import settings
from backend.notifications import channels, outbox
from backend.notifications.delivering import TRIES
from backend.notifications.events import CHOICES, Event
from backend.notifications.models import State
from backend.notifications.outbox import Show
from backend.notifications.service import SUBJECT
from backend.web import sessions
from backend.web.flash import Kind, flash
from backend.web.forms import FieldsDep
from backend.web.live import HubDep, follow_changes, stream
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
BigId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Text = Annotated[str, Form(max_length=10_000)]
Events = Annotated[list[str], Form()]

EXAMPLES = (
    (
        "Mail",
        "mailtos://NAME:PASSWORD@gmail.com?to=YOU@example.com",
        "An app password of the mail account. For another server: &smtp=mail.example.com",
    ),
    (
        "Telegram",
        "tgram://BOT_TOKEN/CHAT_ID",
        "@BotFather makes the bot and its token; write to the bot once, @userinfobot tells the"
        " chat's number.",
    ),
    (
        "Slack",
        "https://hooks.slack.com/services/T000/B000/XXXX",
        "The address of an incoming webhook, as Slack shows it.",
    ),
    (
        "Webhook",
        "jsons://example.com/path",
        "A program of yours gets a POST with title, message and type as JSON.",
    ),
)


@router.get("/notifications")
def show_notifications(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    show: Show = Show.ALL,
    event: Event | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    return _page(request, session, clock, show=show, event=event, before=before)


@router.get("/live/notifications")
def follow_notifications(
    request: Request, hub: HubDep, clock: ClockDep, known: str = ""
) -> Response:
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)
    return stream(follow_changes(hub, SUBJECT, last_seen, outbox.mark, may_read))


@router.post("/notifications/channels")
def add_channel(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    name: Text = "",
    address: Text = "",
    events: Events = [],  # noqa: B006  (FastAPI copies it)
) -> Response:
    """The address is not shown again, not even to whoever mistyped it."""
    try:
        row = channels.create(
            session, clock, name=name, address=address, events=events, actor=actor
        )
    except AppError as error:
        return _page(request, session, clock, entered={"name": name, "events": events}, error=error)
    return _back(f"The channel “{row.name}” is kept. Send a test to see that it reaches you.")


@router.post("/notifications/events")
def choose_events(
    session: SessionDep, clock: ClockDep, actor: ActorDep, fields: FieldsDep
) -> Response:
    """
    Every channel that the form showed, as `shown-ID`, carries what is ticked as `tell-ID-EVENT`;
    one that was made meanwhile is left alone.
    """
    for row in channels.list_all(session):
        if f"shown-{row.id}" in fields:
            events = [each for each in CHOICES if f"tell-{row.id}-{each}" in fields]
            channels.change(session, clock, row.id, actor=actor, events=list(events))
    return _back("It is kept who is told what.")


@router.post("/notifications/channels/{channel_id}/switch")
def switch_channel(
    session: SessionDep, clock: ClockDep, actor: ActorDep, channel_id: Id, on: Text = ""
) -> Response:
    row = channels.change(session, clock, channel_id, actor=actor, is_on=on == "yes")
    return _back(f"“{row.name}” is switched {'on' if row.is_on else 'off'}.")


@router.post("/notifications/channels/{channel_id}/address")
def change_address(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    channel_id: Id,
    address: Text = "",
) -> Response:
    try:
        row = channels.change(session, clock, channel_id, actor=actor, address=address)
    except AppError as error:
        return _page(request, session, clock, wrong={"channel": channel_id}, error=error)
    return _back(f"“{row.name}” goes to the new address from now on.")


@router.post("/notifications/channels/{channel_id}/test")
def send_test(clock: ClockDep, actor: ActorDep, channel_id: Id) -> Response:
    """Waits for the service's own answer."""
    delivery = channels.send_test(clock, channel_id, actor=actor)
    if delivery.state is State.SENT:
        return _back("The service took the test. Look whether it reached you.")
    return _back(f"The test did not go out. {delivery.error}", "bad")


@router.post("/notifications/channels/{channel_id}/remove")
def remove_channel(
    session: SessionDep, clock: ClockDep, actor: ActorDep, channel_id: Id
) -> Response:
    row = channels.remove(session, clock, channel_id, actor=actor)
    return _back(f"“{row.name}” is removed, and its address forgotten.")


@router.post("/notifications/deliveries/{delivery_id}/again")
def try_again(
    session: SessionDep, clock: ClockDep, actor: ActorDep, delivery_id: BigId
) -> Response:
    try:
        outbox.try_again(session, clock, delivery_id, actor=actor)
    except AppError as error:
        return _back(error.message, "warn")
    return _back("It is tried again now.")


def _back(said: str, kind: Kind = "good") -> Response:
    response = RedirectResponse("/notifications", status_code=303)
    flash(response, said, kind)
    return response


def _page(
    request: Request,
    session: Session,
    clock: Clock,
    *,
    show: Show = Show.ALL,
    event: Event | None = None,
    before: int | None = None,
    entered: Mapping[str, Any] | None = None,
    wrong: Mapping[str, Any] | None = None,
    error: AppError | None = None,
) -> Response:
    """`entered` is a new channel that was refused, `wrong` the channel whose address was."""
    mark = outbox.mark(session)
    told = outbox.find(session, show=show, event=event, before=before, limit=outbox.PAGE + 1)
    given_up = outbox.count_given_up(session)
    context = {
        "mark": mark,
        "channels": channels.list_all(session),
        "choices": CHOICES,
        "examples": EXAMPLES,
        "told": told[: outbox.PAGE],
        "older": told[outbox.PAGE - 1].news.id if len(told) > outbox.PAGE else None,
        "show": show.value,
        "event": event,
        "before": before,
        "given_up": given_up,
        "tries": TRIES,
        "now": machine_clock(clock).now(),
        "entered": entered or {"name": "", "events": [each.value for each in CHOICES]},
        "wrong": wrong or {},
        "errors": {} if error is None else {error.field or "name": error.message},
        "allows_private": settings().notify_private_addresses,
    }
    status = 200 if error is None else error.status_code
    return templates.TemplateResponse(
        request, "notifications/page.html", context, status_code=status
    )
