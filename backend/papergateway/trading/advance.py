"""Moves a desk on in time: bells, moments that orders wait for, and trades between them."""

import heapq

from backend.papergateway.prices import Part, Seconds
from backend.papergateway.trading import matching
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.hours import Phase
from backend.papergateway.trading.orders import Order, Side


def advance(desk: Desk, to_ms: int) -> None:
    """
    Everything that happens up to `to_ms` (included), in order.

    The same in one jump as in many small ones; a clock that was set back changes nothing.
    """
    while desk.state.as_of_ms < to_ms:
        if not desk.working:
            _skip(desk, to_ms)
            return
        turn_ms = _next_turn(desk)
        if turn_ms > to_ms:
            _trade(desk, to_ms)
            desk.state.as_of_ms = to_ms
            return
        _trade(desk, turn_ms - 1)
        desk.state.as_of_ms = turn_ms
        _turn(desk, turn_ms)
        # The trades of this very second are still to come.
        desk.state.as_of_ms, desk.state.turned_ms = turn_ms - 1, turn_ms


def _skip(desk: Desk, to_ms: int) -> None:
    """With no order at work only the beginning of the newest day matters."""
    session = desk.market.session_for(to_ms)
    if session is not None and session.pre_ms > desk.state.turned_ms:
        desk.begin_day(session.pre_ms)
    desk.state.as_of_ms = desk.state.turned_ms = to_ms


def _next_turn(desk: Desk) -> int:
    bell = desk.hours.next_turn(max(desk.state.as_of_ms, desk.state.turned_ms))
    moments = (moment for order in desk.working.values() for moment in _moments(order))
    return min(bell, *moments, bell)


def _moments(order: Order) -> list[int]:
    moments = (order.acknowledged_ms, order.cancel_ms, order.expires_ms, order.opens_ms)
    return [moment for moment in moments if moment is not None]


def _turn(desk: Desk, at_ms: int) -> None:
    phase = desk.hours.phase(at_ms)
    if phase.session is not None and phase.session.pre_ms == at_ms:
        desk.begin_day(at_ms)
    for order in list(desk.working.values()):
        if order.is_working:
            _turn_order(desk, order, phase, at_ms)


def _turn_order(desk: Desk, order: Order, phase: Phase, at_ms: int) -> None:
    if order.cancel_ms is not None and order.cancel_ms <= at_ms:
        desk.cancel(order)
    elif order.expires_ms is not None and order.expires_ms <= at_ms:
        desk.cancel(order, "The order's time is over.")
    elif order.acknowledged_ms is not None:
        if order.acknowledged_ms <= at_ms:
            desk.arrive(order)
    elif order.opens_ms is not None:
        if order.opens_ms <= at_ms:
            _open(desk, order, phase)
    else:
        desk.refresh(order)


def _open(desk: Desk, order: Order, phase: Phase) -> None:
    path = desk.path(order.conid, phase)
    if path is None:
        desk.cancel(order, "The exchange did not open.")
    else:
        desk.visit_opening(order, path)


def _trade(desk: Desk, until_ms: int) -> None:
    """The seconds after the desk's moment up to `until_ms`, all within one part of a day."""
    phase = desk.hours.phase(desk.state.as_of_ms + 1)
    if phase.part is None:
        return
    orders = [order for order in desk.working.values() if desk.can_trade(order, phase.part)]
    if orders and _may_trade(desk, orders, phase):
        _Round(desk, phase, until_ms).run(orders)


def _may_trade(desk: Desk, orders: list[Order], phase: Phase) -> bool:
    """Whether the day's range can touch any of the orders, without looking at its seconds."""
    if phase.part is not Part.REGULAR or phase.session is None:
        return True
    for order in orders:
        extremes = desk.market.extremes(order.conid, phase.session.day)
        if extremes is None:
            continue
        low, high = extremes
        if order.kind.trails or _touches(order, low, high):
            return True
    return False


def _touches(order: Order, low: int, high: int) -> bool:
    if order.waits_for_trigger:
        price, rises = order.stop or 0, order.side is Side.BUY
    elif order.cap() is None:
        return True
    else:
        price, rises = order.cap() or 0, order.side is Side.SELL
    return high >= price if rises else low <= price


class _Round:
    """Orders in the order of their next chances, over all contracts."""

    def __init__(self, desk: Desk, phase: Phase, until_ms: int) -> None:
        self._desk, self._phase, self._until_ms = desk, phase, until_ms
        self._begun_ms = desk.state.as_of_ms
        self._due: list[tuple[int, int]] = []
        self._next: dict[int, int] = {}
        self._since: dict[int, int] = {}

    def run(self, orders: list[Order]) -> None:
        self._desk.activated.clear()
        for order in orders:
            self._watch(order, self._begun_ms)
        while self._due:
            moment_ms, order_id = heapq.heappop(self._due)
            if self._next.get(order_id) == moment_ms:
                self._visit(self._desk.state.orders[order_id], moment_ms)
        for order in list(self._desk.working.values()):
            self._follow(order, self._until_ms)

    def _path(self, order: Order) -> Seconds | None:
        return self._desk.path(order.conid, self._phase)

    def _watch(self, order: Order, after_ms: int) -> None:
        """Look for the order's next chance after a moment."""
        path = self._path(order)
        if path is None:
            return
        start, stop = path.index(after_ms) + 1, path.index(self._until_ms) + 1
        if order.id not in self._since:
            self._since[order.id] = start
            self._desk.start_trailing(order, path, max(start - 1, 0))
        chance = matching.next_chance(order, path, max(start, 0), min(stop, len(path)))
        if chance is not None:
            self._next[order.id] = path.moment(chance)
            heapq.heappush(self._due, (path.moment(chance), order.id))

    def _visit(self, order: Order, moment_ms: int) -> None:
        desk, path = self._desk, self._path(order)
        del self._next[order.id]
        if path is None or not desk.can_trade(order, self._phase.part):
            return
        desk.state.as_of_ms = moment_ms
        self._follow(order, moment_ms)
        desk.visit(order, path, path.index(moment_ms))
        arrived, desk.activated = desk.activated, []
        for each in [order, *arrived]:
            if desk.can_trade(each, self._phase.part):
                self._watch(each, moment_ms)

    def _follow(self, order: Order, until_ms: int) -> None:
        """A trail sees the prices since it began to work, up to a moment."""
        path = self._path(order)
        if path is not None and order.id in self._since:
            stop = min(path.index(until_ms) + 1, len(path))
            matching.follow(order, path, max(self._since[order.id], 0), stop)
