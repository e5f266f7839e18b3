"""Which of our orders a piece of news is about."""

from collections.abc import Iterable, Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from backend.brokers.orders import BrokerFill, BrokerOrder, OrderDelta, TakenOrder
from backend.portfolio.orders.models import Order

News = BrokerOrder | OrderDelta | BrokerFill | TakenOrder


class Known:
    """
    Our orders that some news may be about, held for this transaction.

    They are locked in the order of their numbers, so that two who follow the same news wait for
    each other and never both for ever.
    """

    def __init__(self, session: Session, account: str, news: Sequence[News]) -> None:
        self._by_broker: dict[str, Order] = {}
        self._by_client: dict[str, Order] = {}
        self._children: dict[str, list[Order]] = {}
        for order in _locked(session, account, news):
            self._by_client[order.client_order_id] = order
            if order.broker_order_id:
                self._by_broker[order.broker_order_id] = order
        self._remember_children()

    def _remember_children(self) -> None:
        numbers = {order.id: order.broker_order_id for order in self._by_client.values()}
        for order in self._by_client.values():
            parent = numbers.get(order.parent_id or 0)
            if parent and not order.broker_order_id:
                self._children.setdefault(parent, []).append(order)

    def find(self, news: News) -> Order | None:
        """A client order id decides wherever the broker tells it: numbers may be used again."""
        client_id = news.client_order_id
        if client_id is not None:
            return self._by_client.get(client_id)
        order = self._by_broker.get(news.order_id or "")
        if order is None and isinstance(news, BrokerOrder):
            order = self._child(news)
        return order

    def call(self, order: Order, broker_order_id: str) -> None:
        """From now on the order is known by the broker's number too."""
        order.broker_order_id = broker_order_id
        self._by_broker[broker_order_id] = order
        self._remember_children()

    def _child(self, news: BrokerOrder) -> Order | None:
        """A leg of a bracket whose client order id the broker does not repeat."""
        for order in self._children.get(news.parent_order_id or "", []):
            if not order.broker_order_id and _is_alike(order, news):
                return order
        return None


def _is_alike(order: Order, news: BrokerOrder) -> bool:
    return (
        (order.side, order.order_type, order.conid) == (news.side, news.order_type, news.conid)
        and order.quantity == news.quantity
        and (order.limit_price is None or order.limit_price == news.limit_price)
        and (order.stop_price is None or order.stop_price == news.stop_price)
    )


def _locked(session: Session, account: str, news: Sequence[News]) -> Iterable[Order]:
    numbers = {each.order_id for each in news} - {None}
    client_ids = {each.client_order_id for each in news} - {None}
    parents = _parents(news)
    entries = select(Order.id).where(
        Order.account == account,
        or_(Order.broker_order_id.in_(parents), Order.client_order_id.in_(client_ids)),
    )
    query = select(Order).where(
        Order.account == account,
        or_(
            Order.broker_order_id.in_(numbers | parents),
            Order.client_order_id.in_(client_ids),
            *([Order.parent_id.in_(entries)] if parents else []),
        ),
    )
    held = query.order_by(Order.id).with_for_update(key_share=True)
    return session.scalars(held, execution_options={"populate_existing": True})


def _parents(news: Sequence[News]) -> set[str]:
    """Of legs that nothing but their parent tells us of."""
    return {
        each.parent_order_id
        for each in news
        if isinstance(each, BrokerOrder) and each.parent_order_id and not each.client_order_id
    }
