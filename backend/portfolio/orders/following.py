"""
The one place where what a broker tells of orders changes our rows.

News may come twice, late, in any order, or not at all: a reading of the broker's orders and fills
afterwards brings the rows to the same end. An order that is over stays so, figures come from the
fills, and of what is only reported the furthest counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from backend.brokers.orders import BrokerFill, BrokerOrder, OrderDelta, OrderStatus, TakenOrder
from backend.core.clock import Clock
from backend.core.database import after_commit
from backend.core.events import publish
from backend.portfolio.books import fills as book
from backend.portfolio.books.models import Fill
from backend.portfolio.orders import round_trips, telling, transitions
from backend.portfolio.orders.matching import Known, News
from backend.portfolio.orders.models import Order, RoundTrip
from backend.trading.order_state import FINAL, LIVE, NEXT, OrderState

STATES = {
    OrderStatus.PENDING: OrderState.PENDING,
    OrderStatus.HELD: OrderState.HELD,
    OrderStatus.WORKING: OrderState.WORKING,
    OrderStatus.CANCELLING: OrderState.CANCELLING,
    OrderStatus.FILLED: OrderState.FILLED,
    OrderStatus.CANCELLED: OrderState.CANCELLED,
    OrderStatus.INACTIVE: OrderState.REFUSED,
}


@dataclass(frozen=True)
class Step:
    order: Order
    before: OrderState
    after: OrderState


@dataclass(frozen=True)
class Contradiction:
    """The broker says that an order lives which is over for us, or never went out."""

    order: Order
    says: OrderState


@dataclass
class Changes:
    """What some news came to."""

    steps: list[Step] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)
    """New ones; without `order_id` those of nobody of us."""
    foreign: list[BrokerOrder] = field(default_factory=list)
    """Listed orders that are none of ours."""
    contradictions: list[Contradiction] = field(default_factory=list)
    opened: list[RoundTrip] = field(default_factory=list)
    closed: list[RoundTrip] = field(default_factory=list)


def apply(
    session: Session,
    clock: Clock,
    account: str,
    news: Sequence[News],
    *,
    by: str = "tracker",
    seen_by: str = "reading",
) -> Changes:
    """
    Bring our orders, fills and round trips to what the broker tells of one account.

    `by` names who follows, as transitions tell it, `seen_by` where it was learned: `stream` or
    `reading`. Holds the rows until the caller commits.
    """
    following = _Following(session, clock, Known(session, account, news), by)
    fills = [each for each in news if isinstance(each, BrokerFill)]
    for each in news:
        if not isinstance(each, BrokerFill):
            following.take(each)
    following.keep(fills, seen_by)
    following.add_up()
    following.tell()
    return following.changes


class _Following:
    def __init__(self, session: Session, clock: Clock, known: Known, by: str) -> None:
        self.changes = Changes()
        self._session = session
        self._clock = clock
        self._known = known
        self._by = by
        self._moved: dict[int, Order] = {}
        """Orders of which something changed that sums follow from."""

    def take(self, news: BrokerOrder | OrderDelta | TakenOrder) -> None:
        order = self._known.find(news)
        if order is None:
            if isinstance(news, BrokerOrder):
                self.changes.foreign.append(news)
            return
        self._call(order, news.order_id)
        if isinstance(news, TakenOrder):
            self._take_answer(order, news)
            return
        self._take_figures(order, news)
        self._take_terms(order, news)
        if news.status is not None:
            self._take_status(order, news.status, news.reason)

    def _call(self, order: Order, number: str | None) -> None:
        if number is not None and order.broker_order_id != number:
            self._known.call(order, number)
            self._moved[order.id] = order

    def _take_answer(self, order: Order, news: TakenOrder) -> None:
        """An answer may be overtaken by the stream: it moves only what nobody has heard of yet."""
        if order.state in LIVE | FINAL:
            return
        if news.refusal is not None:
            self._step(order, OrderState.REFUSED, news.refusal)
        elif news.status is not None:
            if news.status is OrderStatus.FILLED and order.filled < order.quantity:
                # Its fills follow; a round trip must not look empty until they are here.
                order.filled, self._moved[order.id] = order.quantity, order
            self._take_status(order, news.status, None)
        elif order.state is OrderState.SENDING:
            self._step(order, OrderState.UNKNOWN, None)

    def _take_figures(self, order: Order, news: BrokerOrder | OrderDelta) -> None:
        """Of what is only reported, the furthest counts; fills overrule it when they are known."""
        filled = news.filled
        if filled is None and news.status is OrderStatus.FILLED:
            filled = order.quantity
        if filled is None or filled <= order.filled:
            return
        order.filled = filled
        order.average_price = news.average_price or order.average_price
        self._moved[order.id] = order

    def _take_terms(self, order: Order, news: BrokerOrder | OrderDelta) -> None:
        """Terms that a person changed at the broker, or that a trailing stop moved on."""
        changed: dict[str, Any] = {}
        for name in ("quantity", "limit_price", "stop_price"):
            new, old = getattr(news, name), getattr(order, name)
            # A market order's price is no term: brokers fill the field in as they like.
            if new is not None and new != old and (name == "quantity" or old is not None):
                setattr(order, name, new)
                changed[name] = [None if old is None else str(old), str(new)]
        if changed and order.trail is None and order.state not in FINAL:
            sentence = f"At the broker its terms are others now: {_told(changed)}."
            self._note(order, order.state, sentence, changed)

    def _take_status(self, order: Order, status: OrderStatus, reason: str | None) -> None:
        after = STATES[status]
        if order.state in FINAL:
            if after not in FINAL:
                self.changes.contradictions.append(Contradiction(order, after))
            return
        if order.state is OrderState.PLANNED:
            self._step(order, OrderState.SENDING, None)
        self._step(order, after, reason)

    def keep(self, fills: Sequence[BrokerFill], seen_by: str) -> None:
        owned: list[tuple[BrokerFill, int | None]] = []
        for fill in fills:
            order = self._known.find(fill)
            if order is not None:
                self._call(order, fill.order_id)
            owned.append((fill, None if order is None else order.id))
        self._session.flush()
        new, touched = book.keep(self._session, self._clock, owned, seen_by=seen_by)
        self.changes.fills = new
        for order_id in touched:
            found = self._session.get(Order, order_id)
            if found is not None:
                self._moved[order_id] = found
        book.adopt(self._session, list(self._moved.values()))

    def add_up(self) -> None:
        """Figures of orders from their fills, then those of round trips from their orders."""
        self._session.flush()
        known = book.of_orders(self._session, self._moved)
        for order in self._moved.values():
            self._add_up(order, known.get(order.id, []))
            order.updated_at = self._clock.now()
        moved = list(self._moved.values())
        opened, closed = round_trips.add_up(self._session, self._clock, moved)
        self.changes.opened, self.changes.closed = opened, closed

    def tell(self) -> None:
        """Who watches pages, and who wants to be told."""
        for step in self.changes.steps:
            telling.moved(self._session, self._clock, step.order, step.before)
        for order in self._moved.values():
            telling.ended(self._session, self._clock, order)
        if self._moved:
            after_commit(self._session, lambda: publish(transitions.SUBJECT))

    def _add_up(self, order: Order, fills: list[Fill]) -> None:
        order.commission = sum((each.commission or Decimal(0) for each in fills), Decimal(0))
        quantity = book.quantity(fills)
        if fills and quantity >= order.filled:
            order.filled = quantity
            order.average_price = round_trips.rounded(book.worth(fills) / quantity)
        # The broker says itself of a living order that it is filled; its quantity may have changed.
        if order.filled >= order.quantity and order.state not in LIVE | FINAL:
            if order.state is OrderState.PLANNED:
                self._step(order, OrderState.SENDING, None)
            self._step(order, OrderState.FILLED, None)

    def _step(self, order: Order, after: OrderState, reason: str | None) -> None:
        before = order.state
        if after is before or after not in NEXT[before]:
            return
        if after in (OrderState.REFUSED, OrderState.CANCELLED):
            order.reason = reason or order.reason
        self._note(order, after, reason or _SENTENCES[after], {})
        self.changes.steps.append(Step(order, before, after))
        self._moved[order.id] = order

    def _note(
        self, order: Order, after: OrderState, sentence: str, details: dict[str, Any]
    ) -> None:
        seen = {"broker_order_id": order.broker_order_id, "filled": str(order.filled)}
        transitions.step(
            self._session,
            self._clock,
            order,
            after,
            by=self._by,
            sentence=sentence,
            details=seen | details,
        )


_SENTENCES = {
    OrderState.SENDING: "It is at the broker, so it did go out.",
    OrderState.UNKNOWN: "The broker's answer does not tell what became of it.",
    OrderState.PENDING: "The broker has it and waits for the exchange.",
    OrderState.HELD: "The broker holds it back until its time comes.",
    OrderState.WORKING: "It works at the exchange.",
    OrderState.CANCELLING: "Its cancellation is asked for.",
    OrderState.FILLED: "It is filled.",
    OrderState.CANCELLED: "What was not filled is cancelled.",
    OrderState.REFUSED: "The broker took it in and then refused it.",
}


def _told(changed: dict[str, Any]) -> str:
    words = (f"{name.replace('_', ' ')} {new}" for name, (_, new) in changed.items())
    return ", ".join(words)
