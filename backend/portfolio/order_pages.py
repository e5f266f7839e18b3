"""The list of orders, and the page of one of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from sqlalchemy.orm import Session

from backend.core.database import SessionDep
from backend.portfolio.orders import listing, story, transitions
from backend.portfolio.orders.list_query import NAMES, OrdersQuery
from backend.portfolio.orders.listing import PAGE, Listed
from backend.portfolio.price_ladder import price_ladder
from backend.web import sessions
from backend.web.live import HubDep, follow_changes, stream
from backend.web.rendering import templates
from backend.web.state import ClockDep

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
    mark = listing.mark(session)
    shown = story.read(session, order_id)
    context = {
        "mark": mark,
        "story": shown,
        "ladder": price_ladder(shown.trip, shown.siblings, None) if shown.trip else None,
        "now": clock.now(),
    }
    return templates.TemplateResponse(request, "orders/detail.html", context)
