"""The list of orders, and the page of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.brokers.base import Broker
from backend.core.clock import Clock
from backend.core.database import SessionDep, transaction
from backend.core.errors import AppError, Conflict, InvalidInput, OutsideError
from backend.portfolio.orders import by_hand, cancelling, changing, listing, story, transitions
from backend.portfolio.orders.list_query import NAMES, OrdersQuery
from backend.portfolio.orders.listing import PAGE, Listed
from backend.portfolio.price_ladder import price_ladder
from backend.trading import changes
from backend.web import sessions
from backend.web.flash import flash
from backend.web.forms import FieldsDep
from backend.web.live import HubDep, follow_changes, stream
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]


@dataclass(frozen=True, kw_only=True)
class Page:
    rows: Sequence[Listed]
    newer: str = ""
    older: str = ""


@router.get("/live/orders")
def follow_orders(request: Request, hub: HubDep, clock: ClockDep, known: str = "") -> Response:
    """What pages with orders watch; `known` is the state that they were made from."""
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)
    return stream(follow_changes(hub, transitions.SUBJECT, last_seen, listing.mark, may_read))


@router.get("/orders")
def list_orders(
    request: Request, session: SessionDep, clock: ClockDep, asked: Annotated[OrdersQuery, Query()]
) -> Response:
    context = {
        # Read first: what happens while the rest is read is news to the page.
        "mark": listing.mark(session),
        "asked": asked,
        "page": _page(session, asked),
        "counts": listing.counts(session, asked),
        "names": NAMES,
        "choices": listing.choices(session),
        "now": clock.now(),
    }
    return templates.TemplateResponse(request, "orders/list.html", context)


def _page(session: Session, asked: OrdersQuery) -> Page:
    """One row more than is shown tells whether the list goes on in that direction."""
    rows = listing.find(session, asked, PAGE + 1)
    goes_on, is_upwards = len(rows) > PAGE, asked.after is not None
    rows = rows[-PAGE:] if is_upwards else rows[:PAGE]
    if not rows:
        return Page(rows=rows)
    has_newer = goes_on if is_upwards else asked.before is not None
    return Page(
        rows=rows,
        newer=asked.href(after=rows[0].order.id) if has_newer else "",
        older=asked.href(before=rows[-1].order.id) if is_upwards or goes_on else "",
    )


@router.get("/orders/{order_id}")
def show_order(request: Request, session: SessionDep, clock: ClockDep, order_id: Id) -> Response:
    return _detail(request, session, order_id, clock)


@router.get("/orders/{order_id}/ladder")
def show_ladder(request: Request, order_id: Id) -> Response:
    """A piece of the page, with the market's price: it may take as long as the broker."""
    with transaction() as session:
        conid = listing.get(session, order_id).order.conid
    quote, problem = None, ""
    try:
        quote = _broker(request).quote(conid)
    except AppError as error:
        problem = error.message
    with transaction() as session:
        shown = story.read(session, order_id)
        last = quote.last if quote else None
        context = {
            "story": shown,
            "ladder": price_ladder(shown.trip, shown.siblings, last) if shown.trip else None,
            "quote": quote,
            "problem": problem,
        }
        return templates.TemplateResponse(request, "orders/_ladder.html", context)


@router.post("/orders/{order_id}/cancel")
def cancel_order(request: Request, clock: ClockDep, actor: ActorDep, order_id: Id) -> Response:
    """Asks the broker; no transaction is open meanwhile."""
    response = RedirectResponse(f"/orders/{order_id}", status_code=303)
    try:
        flash(response, cancelling.cancel(clock, _broker(request), order_id, actor), "info")
    except (Conflict, OutsideError) as error:
        flash(response, error.message, "warn")
    return response


@router.post("/orders/{order_id}/modify")
def modify_order(
    request: Request, clock: ClockDep, actor: ActorDep, fields: FieldsDep, order_id: Id
) -> Response:
    """What would change is shown first, and done once `sure` is `yes`."""
    given: dict[str, str] = {name: fields.get(name, "") for name in changes.NAMES}
    broker = _broker(request)
    try:
        if fields.get("sure") == "yes":
            change = changing.modify(clock, broker, order_id, given, actor)
        else:
            change = changing.prepare(broker, order_id, given)
            context = {"change": change, "given": given}
            return templates.TemplateResponse(request, "orders/confirm.html", context)
    except InvalidInput as error:
        with transaction() as session:
            return _detail(request, session, order_id, clock, given=given, error=error)
    except (Conflict, OutsideError) as error:
        said, kind = error.message, "warn"
    else:
        said, kind = f"Changed at the broker: {change.words}.", "good"
    response = RedirectResponse(f"/orders/{order_id}", status_code=303)
    flash(response, said, kind)  # type: ignore[arg-type]
    return response


def _detail(
    request: Request,
    session: Session,
    order_id: int,
    clock: Clock,
    *,
    given: dict[str, str] | None = None,
    error: InvalidInput | None = None,
) -> Response:
    """`given` are new terms that were refused with `error`."""
    mark = listing.mark(session)
    shown = story.read(session, order_id)
    order = shown.order
    context = {
        "mark": mark,
        "story": shown,
        "ladder": price_ladder(shown.trip, shown.siblings, None) if shown.trip else None,
        "editable": {
            name: getattr(order, name)
            for name in changes.TERMS.get(order.order_type, ("quantity",))
        },
        "cannot_cancel": by_hand.why_not(order, "cancel"),
        "cannot_change": by_hand.why_not(order, "change"),
        "given": given or {},
        "error": error,
        "now": clock.now(),
    }
    status = error.status_code if error else 200
    return templates.TemplateResponse(request, "orders/detail.html", context, status_code=status)


def _broker(request: Request) -> Broker:
    broker: Broker = request.app.state.tools.broker
    return broker
