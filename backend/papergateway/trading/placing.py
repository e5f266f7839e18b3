"""Takes orders in, refuses some, and changes working ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from backend.papergateway.prices.bars import money
from backend.papergateway.trading import funds
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.orders import WHOLE_PPM, Kind, Order, Side, Status, Terms, Tif
from backend.papergateway.trading.tickets import Refused, Ticket

UNIQUE_FOR_MS = timedelta(hours=24) // timedelta(milliseconds=1)
FARTHEST = Decimal("0.20")
"""A limit so far on the wrong side of the market is refused."""
REFUSED_LATER_MS = 500


@dataclass(frozen=True, kw_only=True)
class Twist:
    """What a fault makes of the orders that are being placed; milliseconds of the clock."""

    acknowledged_after_ms: int | None = None
    first_shares: int | None = None
    rest_after_ms: int = 0
    commission_delay_ms: int = 0
    refused_later: str | None = None
    child_refused: str | None = None
    child_cancelled: str | None = None


@dataclass(frozen=True)
class Failure:
    """A child that was refused although its parent was taken."""

    ticket: Ticket
    text: str


def place(
    desk: Desk, tickets: Sequence[Ticket], twist: Twist | None = None, submitter: str = "API"
) -> list[Order | Failure]:
    """
    Orders in the order of the tickets; a bracket is not atomic, so a child may fail alone.

    Raises `Refused` when nothing is taken.
    """
    twist = twist or Twist()
    for ticket in tickets:
        _check(desk, ticket, tickets)
    group = f"oca{desk.state.next_order}" if tickets[0].is_single_group else None
    taken: dict[str, Order] = {}
    placed: list[Order | Failure] = []
    for ticket in sorted(tickets, key=lambda each: each.parent is not None):
        placed.append(_take(desk, ticket, taken, group, twist, submitter))
    orders = [each for each in placed if isinstance(each, Order)]
    # Children arrive first: what a parent sets off must find them.
    for order in sorted(orders, key=lambda each: each.parent_id is None):
        _send(desk, order)
    return placed


def _take(
    desk: Desk,
    ticket: Ticket,
    taken: dict[str, Order],
    group: str | None,
    twist: Twist,
    submitter: str,
) -> Order | Failure:
    name = ticket.parent
    parent = None if name is None else taken.get(name) or _known(desk, name)
    if parent is not None:
        why = twist.child_refused or _bad_child(parent, ticket.terms)
        if why is not None:
            return Failure(ticket, why)
    order = _order(desk, ticket, parent, submitter)
    order.group = group if parent is None else None
    _twist(order, twist)
    if order.client_id is not None:
        taken[order.client_id] = order
    desk.add(order)
    return order


def _order(desk: Desk, ticket: Ticket, parent: Order | None, submitter: str) -> Order:
    number = desk.state.next_order
    desk.state.next_order += 1
    order = Order(
        **vars(ticket.terms),
        id=number,
        placed_ms=desk.now_ms,
        changed_ms=desk.now_ms,
        status=Status.INACTIVE if ticket.is_deactivated else Status.PENDING_SUBMIT,
        submitter=submitter,
        parent_id=parent.id if parent else None,
    )
    _set_times(desk, order)
    _set_mark(order)
    return order


def _set_times(desk: Desk, order: Order) -> None:
    order.expires_ms = order.opens_ms = None
    if order.tif is Tif.DAY:
        outside = order.outside_rth and order.kind.has_limit
        order.expires_ms = desk.hours.day_ends(desk.now_ms, outside_rth=outside)
    elif order.tif is Tif.OPG:
        order.opens_ms = desk.hours.next_open(desk.now_ms)


def _set_mark(order: Order) -> None:
    """A trail with a first trigger has seen the price that belongs to it."""
    if not order.kind.trails or order.stop is None or order.is_triggered:
        return
    if order.trail_ppm is not None:
        whole = WHOLE_PPM + order.side.sign * order.trail_ppm
        order.mark = order.stop * WHOLE_PPM // whole
    else:
        order.mark = order.stop - order.side.sign * (order.trail_ticks or 0)


def _twist(order: Order, twist: Twist) -> None:
    now_ms = order.placed_ms
    order.commission_delay_ms = twist.commission_delay_ms
    if twist.first_shares is not None and order.parent_id is None:
        order.held_shares, order.held_ms = twist.first_shares, now_ms + twist.rest_after_ms
    if twist.acknowledged_after_ms is not None:
        order.acknowledged_ms = now_ms + twist.acknowledged_after_ms
    is_child = order.parent_id is not None
    reason = twist.child_cancelled if is_child else twist.refused_later
    if reason is not None:
        order.reason, order.cancel_ms = reason, now_ms + REFUSED_LATER_MS
        order.held_shares, order.held_ms = 0, order.cancel_ms + 1


def _send(desk: Desk, order: Order) -> None:
    if order.is_working and order.acknowledged_ms is None:
        desk.arrive(order)


def _check(desk: Desk, ticket: Ticket, tickets: Sequence[Ticket]) -> None:
    """Raises `Refused` for what makes the whole request fail."""
    terms = ticket.terms
    if terms.conid not in desk.market.instruments:
        raise Refused(f"No security definition has been found for conid {terms.conid}.")
    if terms.client_id is not None and _is_taken(desk, terms.client_id, tickets):
        raise Refused(
            f"Order couldn't be submitted: Local order ID={terms.client_id} is already registered."
        )
    if ticket.off_tick is not None:
        raise Refused(
            f"The {ticket.off_tick} does not conform to the minimum price variation"
            " for this contract."
        )
    if len(tickets) > 1 and not (ticket.is_single_group or _are_family(tickets)):
        raise Refused("Orders that do not belong together have to be placed one at a time.")
    if ticket.parent is not None and not _has_parent(desk, ticket.parent, tickets):
        raise Refused(f"Parent order {ticket.parent} was not found.")
    why = None if ticket.parent else too_far(desk, terms) or funds.refusal(desk, terms)
    if why is not None:
        raise Refused(why)


def _are_family(tickets: Sequence[Ticket]) -> bool:
    return sum(ticket.parent is None for ticket in tickets) <= 1


def _is_taken(desk: Desk, client_id: str, tickets: Sequence[Ticket]) -> bool:
    """Within a day, whatever became of the order; and within one request."""
    if sum(ticket.terms.client_id == client_id for ticket in tickets) > 1:
        return True
    since_ms = desk.now_ms - UNIQUE_FOR_MS
    for order in reversed(desk.state.orders.values()):
        if order.placed_ms <= since_ms:
            return False
        if order.client_id == client_id:
            return True
    return False


def too_far(desk: Desk, terms: Terms) -> str | None:
    """A limit that would trade far through the market is taken for a slip of the finger."""
    quote = desk.market.quote(terms.conid, desk.now_ms)
    if quote is None or terms.limit is None or terms.kind is not Kind.LMT:
        return None
    limit, market = money(terms.limit), quote.ask if terms.side is Side.BUY else quote.bid
    if (limit - market) * terms.side.sign <= market * FARTHEST:
        return None
    return (
        f"We cannot accept an order at the limit price you selected. Please submit your order"
        f" using a limit price that is closer to the current market price of {market}."
    )


def _has_parent(desk: Desk, name: str, tickets: Sequence[Ticket]) -> bool:
    among = (each.terms.client_id for each in tickets if each.parent is None)
    return name in among or _known(desk, name) is not None


def _known(desk: Desk, name: str) -> Order | None:
    """The newest order with this cOID or this number of IB's."""
    orders = reversed(desk.state.orders.values())
    return next((each for each in orders if name in (each.client_id, str(each.id))), None)


def _bad_child(parent: Order, child: Terms) -> str | None:
    if parent.status in (Status.CANCELLED, Status.INACTIVE):
        return "The parent order is not working."
    if child.conid != parent.conid or child.side is parent.side:
        return "A child has to close the position that its parent opens."
    if child.quantity > parent.quantity:
        return "A child cannot be larger than its parent."
    if child.tif in (Tif.IOC, Tif.OPG):
        return f"A child cannot be {child.tif}."
    return None


def modify(desk: Desk, order: Order, ticket: Ticket) -> None:
    """Give a working order new terms. Raises `Refused`; the order then stays as it was."""
    terms = ticket.terms
    _check_change(desk, order, ticket)
    has_new_stop = order.stop != terms.stop
    for name in ("tif", "quantity", "limit", "stop", "trail_ticks", "trail_ppm", "outside_rth"):
        setattr(order, name, getattr(terms, name))
    _set_times(desk, order)
    if has_new_stop:
        order.mark = None
        _set_mark(order)
    order.changed_ms = desk.now_ms
    desk.tell(order)
    _send(desk, order)


def _check_change(desk: Desk, order: Order, ticket: Ticket) -> None:
    terms = ticket.terms
    if not order.is_working:
        raise Refused("Order is inactive")
    if order.status is Status.PENDING_CANCEL:
        raise Refused("The order is being cancelled.")
    if (terms.conid, terms.side, terms.kind) != (order.conid, order.side, order.kind):
        raise Refused("Contract, side and order type cannot be modified.")
    if terms.quantity <= order.filled:
        raise Refused(f"{order.filled} shares have been filled; the size must be larger.")
    if ticket.off_tick is not None:
        raise Refused(f"The {ticket.off_tick} does not conform to the minimum price variation.")
    parent = desk.parent(order)
    why = _bad_child(parent, terms) if parent else _carried(desk, order, terms)
    if why is not None:
        raise Refused(why)


def _carried(desk: Desk, order: Order, terms: Terms) -> str | None:
    return too_far(desk, terms) or funds.refusal(desk, terms, instead_of=order)
