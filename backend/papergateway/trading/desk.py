"""An account's orders, executions and books, and the rules by which one changes the other."""

from collections import deque
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from decimal import Decimal

from backend.core.clock import from_ms
from backend.papergateway.prices import Market, Part, Seconds
from backend.papergateway.prices.bars import money
from backend.papergateway.trading import commissions, groups, matching
from backend.papergateway.trading.commissions import Plan
from backend.papergateway.trading.hours import Hours, Phase
from backend.papergateway.trading.ledger import Books, Fill
from backend.papergateway.trading.margin import Holding
from backend.papergateway.trading.orders import Kind, Order, Status, Tif

STARTING_CASH = Decimal("1000000")
FIRST_ORDER = 1_370_093_001
CANCELLING_MS = 500
"""A requested cancel takes so long; until then the order may still fill."""
TOLD_AFTER_MS = 1_500
"""The commission of a fill is told so much later than the fill."""
NEWS_KEPT = 20_000


@dataclass(kw_only=True)
class State:
    """Everything about an account that a restart keeps."""

    as_of_ms: int
    opened_ms: int
    turned_ms: int
    """The last bell or order's moment that was dealt with."""
    day_equity: Decimal = STARTING_CASH
    """Equity when the present trading day began, with its pre-market."""
    plan: Plan = Plan.FIXED
    next_order: int = FIRST_ORDER
    books: Books = field(default_factory=lambda: Books.opened_with(STARTING_CASH))
    orders: dict[int, Order] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    taken: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By contract: the last second in which we traded it, and how many shares we took in it."""


def opened(now_ms: int) -> State:
    """A new account."""
    return State(as_of_ms=now_ms, opened_ms=now_ms, turned_ms=now_ms)


class Desk:
    """Moved on in time by `advance`; commands act at `state.as_of_ms`."""

    def __init__(self, market: Market, state: State) -> None:
        self.market = market
        self.hours = Hours(market)
        self.state = state
        self.working = {key: order for key, order in state.orders.items() if order.is_working}
        self.news: deque[Order] = deque(maxlen=NEWS_KEPT)
        """A copy of an order for each of its changes, newest last."""
        self.changes = 0
        """How many there have been."""
        self.changed: set[int] = set()
        """Orders that have changed since they were last kept."""
        self.activated: list[Order] = []
        self._families: dict[int, list[Order]] = {}
        for order in state.orders.values():
            self._join_family(order)

    @property
    def now_ms(self) -> int:
        return self.state.as_of_ms

    def phase(self) -> Phase:
        return self.hours.phase(self.now_ms)

    def path(self, conid: int, phase: Phase) -> Seconds | None:
        if phase.part is None or phase.session is None:
            return None
        return self.market.seconds(conid, phase.session.day, phase.part)

    def children(self, order: Order) -> list[Order]:
        return self._families.get(order.id, [])

    def _join_family(self, order: Order) -> None:
        if order.parent_id is not None:
            self._families.setdefault(order.parent_id, []).append(order)

    def parent(self, order: Order) -> Order | None:
        return None if order.parent_id is None else self.state.orders[order.parent_id]

    def tell(self, order: Order) -> None:
        self.news.append(copy(order))
        self.changes += 1
        self.changed.add(order.id)

    def set_status(self, order: Order, status: Status, reason: str | None = None) -> None:
        order.become(status, self.now_ms)
        order.reason = reason or order.reason
        if order.is_working:
            self.working[order.id] = order
        else:
            self.working.pop(order.id, None)
        self.tell(order)

    def add(self, order: Order) -> None:
        """Keep a new order; it does nothing before it `arrive`s."""
        self.state.orders[order.id] = order
        self._join_family(order)
        if order.is_working:
            self.working[order.id] = order
        self.tell(order)

    def can_trade(self, order: Order, part: Part | None) -> bool:
        is_up = order.is_working and order.status is not Status.PENDING_SUBMIT
        return is_up and order.trades_in(part) and groups.is_live(self, order)

    def refresh(self, order: Order) -> None:
        """PreSubmitted while it is held for whatever reason, Submitted while it works."""
        if order.status not in (Status.PENDING_SUBMIT, Status.PRE_SUBMITTED, Status.SUBMITTED):
            return
        if order.acknowledged_ms is not None:
            return
        part = self.phase().part
        is_held = (
            order.waits_for_trigger or not groups.is_live(self, order) or not order.trades_in(part)
        )
        wanted = Status.PRE_SUBMITTED if is_held else Status.SUBMITTED
        if wanted is not order.status:
            self.set_status(order, wanted)

    def arrive(self, order: Order) -> None:
        """The order reaches the market: it takes what is displayed, and an IOC order ends."""
        order.acknowledged_ms = None
        self.refresh(order)
        phase = self.phase()
        path = self.path(order.conid, phase)
        if path is not None and self.can_trade(order, phase.part):
            index = path.index(self.now_ms)
            self.start_trailing(order, path, index)
            self.visit(order, path, index, is_new=True)
        if order.tif is Tif.IOC and order.is_working:
            self.cancel(order, "Immediate-or-cancel: the rest was not available.")

    def start_trailing(self, order: Order, path: Seconds, index: int) -> None:
        if order.mark is None:
            matching.follow(order, path, index, index + 1)

    def visit(self, order: Order, path: Seconds, index: int, *, is_new: bool = False) -> None:
        """Let the order have what this second gives it."""
        if order.waits_for_trigger:
            if not matching.is_triggered(order, int(path.last[index])):
                return
            order.is_triggered = True
            self.refresh(order)
        taken = self._taken_at(order.conid, path.moment(index))
        room = matching.room(path, index)
        if is_new and order.kind is not Kind.MIDPRICE:
            room = max(room, matching.displayed(order, path, index))
        most = min(self.wanted(order), room - taken)
        self._fill_all(order, path, index, most, taken)

    def visit_opening(self, order: Order, path: Seconds) -> None:
        """The opening auction gives an OPG order its share of the first minute, or nothing."""
        room = int(path.traded_until[60]) // matching.PARTICIPATION
        self._fill_all(order, path, 0, min(self.wanted(order), room), 0)
        if order.is_working:
            self.cancel(order, "The opening did not fill the order.")

    def wanted(self, order: Order) -> int:
        """The shares that the order may have now: a child no more than its parent has left."""
        wanted = min(order.remaining, groups.capacity(self, order))
        if order.held_ms is not None and self.now_ms < order.held_ms:
            wanted = min(wanted, order.held_shares - order.filled)
        return wanted

    def _fill_all(self, order: Order, path: Seconds, index: int, most: int, taken: int) -> None:
        for slice_ in matching.take(order, path, index, most=most, taken=taken):
            taken += slice_.shares
            self.state.taken[order.conid] = (path.moment(index), taken)
            self.fill(order, slice_.shares, money(slice_.price))

    def _taken_at(self, conid: int, second_ms: int) -> int:
        at_ms, shares = self.state.taken.get(conid, (0, 0))
        return shares if at_ms == second_ms else 0

    def fill(self, order: Order, shares: int, price: Decimal) -> None:
        """Book an execution and everything that follows from it."""
        state = self.state
        order.filled += shares
        order.paid += shares * price
        month = self._month(order)
        cost = commissions.total(state.plan, order.side, order.filled, order.paid, month)
        fill = self._execution(order, shares, price, cost - order.commission)
        order.commission = cost
        state.books.apply(fill)
        state.fills.append(fill)
        order.changed_ms = self.now_ms
        if order.remaining == 0:
            self.set_status(order, Status.FILLED)
        else:
            self.tell(order)
        groups.follow_up(self, order)

    def _execution(self, order: Order, shares: int, price: Decimal, commission: Decimal) -> Fill:
        """One that the books have yet to take in."""
        return Fill(
            id=f"0000e0d5.{len(self.state.fills) + 1:08x}.01.01",
            order_id=order.id,
            conid=order.conid,
            quantity=order.side.sign * shares,
            price=price,
            at_ms=self.now_ms,
            commission=commission,
            told_ms=self.now_ms + TOLD_AFTER_MS + order.commission_delay_ms,
            settles_ms=self.hours.next_open(self.now_ms),
            position=0,
            realised=Decimal(0),
        )

    def _month(self, order: Order) -> int:
        """Shares that other orders have traded in this calendar month: tiers count them."""
        if self.state.plan is Plan.FIXED:
            return 0
        month = f"{from_ms(self.now_ms):%Y%m}"
        return sum(
            abs(fill.quantity)
            for fill in self.state.fills
            if fill.order_id != order.id and f"{from_ms(fill.at_ms):%Y%m}" == month
        )

    def cancel(self, order: Order, reason: str | None = None) -> None:
        """Now; children without a filled parent go with it."""
        order.cancel_ms = None
        self.set_status(order, Status.CANCELLED, reason)
        groups.follow_up(self, order)

    def request_cancel(self, order: Order) -> None:
        """It takes hold a moment later."""
        if order.status is not Status.PENDING_CANCEL:
            order.cancel_ms = self.now_ms + CANCELLING_MS
            order.acknowledged_ms = None
            self.set_status(order, Status.PENDING_CANCEL)

    def begin_day(self, at_ms: int) -> None:
        self.state.day_equity = self.equity(at_ms)
        self.state.books.begin_day()

    def mark(self, conid: int, at_ms: int) -> Decimal:
        """The last price, or what was paid when the world has no price any more."""
        quote = self.market.quote(conid, at_ms)
        return quote.last if quote else self.state.books.positions[conid].average_price

    def holdings(self, at_ms: int) -> Iterator[Holding]:
        for conid, position in self.state.books.positions.items():
            if position.quantity:
                yield Holding(position.quantity, self.mark(conid, at_ms))

    def equity(self, at_ms: int) -> Decimal:
        """Net liquidation value."""
        books = self.state.books
        return books.cash + sum((each.value for each in self.holdings(at_ms)), Decimal(0))
