"""
What /metrics tells Prometheus, asked of database and Redis at each scrape.

The database is the truth for all processes, so no counter of one process has to be collected.
"""

from collections.abc import Iterator
from datetime import timedelta

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError
from sqlalchemy import func, select, text

from backend.brokers.pacing import read_metrics
from backend.core import redis
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.logging import get_logger
from backend.executions.models import AiDay, Execution, Status

logger = get_logger(__name__)

RECENT = timedelta(days=1)


class Metrics(Collector):
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        yield from self._executions()
        yield from self._steps()
        yield from self._ai()
        yield from self._lag()
        yield from _kept_in_redis()

    def _executions(self) -> Iterator[Metric]:
        by_outcome = CounterMetricFamily(
            "glassbox_executions", "Finished executions.", labels=["outcome", "reason"]
        )
        by_status = GaugeMetricFamily(
            "glassbox_executions_unfinished", "Executions under way.", labels=["status"]
        )
        with transaction() as session:
            finished = session.execute(
                select(Execution.outcome, Execution.reason_code, func.count())
                .where(Execution.outcome.is_not(None), Execution.replay_of.is_(None))
                .group_by(Execution.outcome, Execution.reason_code)
            ).all()
            unfinished = dict(
                session.execute(
                    select(Execution.status, func.count())
                    .where(Execution.status != Status.FINISHED)
                    .group_by(Execution.status)
                ).all()
            )
        for outcome, reason, count in finished:
            by_outcome.add_metric([str(outcome), reason or ""], count)
        for status in (Status.QUEUED, Status.RUNNING, Status.WAITING, Status.PARKED):
            by_status.add_metric([status], unfinished.get(status, 0))
        yield by_outcome
        yield by_status

    def _steps(self) -> Iterator[Metric]:
        records = GaugeMetricFamily(
            "glassbox_step_records_1d", "Step records of the last day.", labels=["step", "status"]
        )
        seconds = GaugeMetricFamily(
            "glassbox_step_seconds_p95_1d", "95th percentile of a step's time.", labels=["step"]
        )
        with transaction() as session:
            rows = session.execute(
                text("""
                    SELECT step, status, count(*),
                      percentile_cont(0.95) WITHIN GROUP (ORDER BY seconds)
                    FROM workflow_lineage
                    WHERE recorded_at >= :since AND actor NOT LIKE 'replay:%'
                    GROUP BY step, status
                """),
                {"since": self._clock.now() - RECENT},
            ).all()
        for step, status, count, p95 in rows:
            records.add_metric([step, status], count)
            if status == "finished":
                seconds.add_metric([step], p95)
        yield records
        yield seconds

    def _ai(self) -> Iterator[Metric]:
        with transaction() as session:
            tokens, cost = session.execute(
                select(func.coalesce(func.sum(AiDay.tokens), 0), func.sum(AiDay.cost_usd))
            ).one()
        yield CounterMetricFamily("glassbox_ai_tokens", "Tokens used.", value=float(tokens))
        yield CounterMetricFamily("glassbox_ai_usd", "Dollars spent.", value=float(cost or 0))

    def _lag(self) -> Iterator[Metric]:
        # Since it was made, not since it was sent: the reaper sends again and again.
        with transaction() as session:
            oldest = session.scalar(
                select(func.min(Execution.created_at)).where(Execution.status == Status.QUEUED)
            )
        lag = 0.0 if oldest is None else (self._clock.now() - oldest).total_seconds()
        yield GaugeMetricFamily("glassbox_lag_seconds", "Oldest execution's wait.", value=lag)


def _kept_in_redis() -> list[Metric]:
    """Nothing while Redis is away: what the database counts must still be told."""
    try:
        return [_queue_depth(), *_gateway()]
    except RedisError as error:
        logger.warning("redis_away", error=str(error))
        return []


def _queue_depth() -> Metric:
    depth = float(redis.client().llen("celery"))
    return GaugeMetricFamily("glassbox_queue_depth", "Messages waiting.", value=depth)


def _gateway() -> Iterator[Metric]:
    told = read_metrics(redis.client())
    calls = CounterMetricFamily(
        "glassbox_gateway_calls", "Calls to the broker's gateway.", labels=["path", "outcome"]
    )
    for (path, outcome), count in told.calls.items():
        calls.add_metric([path, outcome], count)
    waits = CounterMetricFamily(
        "glassbox_gateway_throttled", "Calls that waited for their turn.", labels=["path"]
    )
    waited = CounterMetricFamily(
        "glassbox_gateway_throttled_seconds", "How long they waited.", labels=["path"]
    )
    for path, count in told.waits.items():
        waits.add_metric([path], count)
        waited.add_metric([path], told.waited_seconds.get(path, 0.0))
    yield from (calls, waits, waited)
