"""The Celery application: it carries ids, the database keeps the work."""

from functools import cache

from celery import Celery

from backend.core.settings import settings


@cache
def queue() -> Celery:
    """Raises `InvalidInput` when REDIS_URL is not set."""
    settings().require("redis_url")
    app = Celery("glassbox", broker=settings().redis_url)
    app.conf.update(
        task_ignore_result=True,
        task_serializer="json",
        accept_content=["json"],
        timezone="UTC",
        # Messages may get lost or come twice: leases make both harmless, the reaper sends again.
        task_acks_late=False,
        # A thread takes one execution at a time, so that other workers get the rest.
        worker_prefetch_multiplier=1,
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
        task_send_sent_event=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={
            "socket_timeout": 10,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 15,
            # One more try, at once: whoever sends must not wait, the reaper sends again. What a
            # worker does when it loses its connection is set by broker_connection_max_retries.
            "max_retries": 1,
            "interval_start": 0,
        },
    )
    return app


def send(task: str, *args: int | str) -> None:
    """Send one message without waiting for a broker that is away; raises what kombu raises."""
    queue().send_task(task, args=args, retry=False)
