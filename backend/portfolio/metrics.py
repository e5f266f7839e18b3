"""What /metrics tells of orders and of those who follow them."""

from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from backend.core.clock import Clock
from backend.core.database import transaction
from backend.portfolio.books import drift
from backend.portfolio.books.models import AccountBooks, Fill
from backend.portfolio.orders.models import Order, RoundTrip
from backend.trading.order_state import OPEN, OrderState


class OrderMetrics(Collector):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        yield self._open_orders()
        yield from self._counts()
        yield from self._followed()

    def _open_orders(self) -> Metric:
        told = GaugeMetricFamily(
            "glassbox_orders_open", "Orders that are not over.", labels=["state"]
        )
        with transaction() as session:
            query = select(Order.state, func.count()).where(Order.done_at.is_(None))
            found = dict(session.execute(query.group_by(Order.state)).all())
        for state in sorted(OPEN | {OrderState.LOST}):
            told.add_metric([state], found.get(state, 0))
        return told

    def _counts(self) -> Iterator[Metric]:
        with transaction() as session:
            fills = session.scalar(select(func.count()).select_from(Fill)) or 0
            trades = session.scalar(
                select(func.count())
                .select_from(RoundTrip)
                .where(RoundTrip.closed_at.is_(None), RoundTrip.entered > RoundTrip.left)
            )
            drifts = [row for row in drift.unexplained(session) if row.confirmed_at is not None]
        yield CounterMetricFamily("glassbox_fills", "Executions at the broker.", value=fills)
        yield GaugeMetricFamily("glassbox_trades_open", "Round trips that hold shares.", trades)
        yield GaugeMetricFamily("glassbox_drifts", "Confirmed and unexplained.", len(drifts))

    def _followed(self) -> Iterator[Metric]:
        age = GaugeMetricFamily(
            "glassbox_tracker_seconds_since_reading",
            "Since orders and fills of the account were read whole.",
            labels=["account"],
        )
        stream = GaugeMetricFamily(
            "glassbox_tracker_stream_up", "Whether its stream is open.", labels=["account"]
        )
        with transaction() as session:
            rows = session.scalars(select(AccountBooks)).all()
        for row in rows:
            if row.read_at is not None:
                age.add_metric([row.account], (self._clock.now() - row.read_at).total_seconds())
            stream.add_metric([row.account], row.stream_since is not None)
        yield age
        yield stream
