"""JSON logs on standard error, with the ids of the request and the execution they belong to."""

import logging
import sys
from typing import Any

import structlog

from backend.core import log_lines
from backend.core.redaction import redact
from backend.core.settings import settings

TOO_CHATTY = (
    *("httpx", "httpx2"),  # a line per call to gateway or model; metrics and lineage count them
    *("celery.app.trace", "celery.worker.strategy", "celery.beat"),  # a line per message
)


def _hide_secrets(_logger: Any, _method: str, event: Any) -> Any:
    return redact(event)


def configure(part: str) -> None:
    """Send structlog's and the standard library's logs through one pipeline; `part` names us."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _hide_secrets,
        log_lines.keep,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processor=structlog.processors.JSONRenderer(), foreign_pre_chain=shared
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings().log_level)
    structlog.contextvars.bind_contextvars(part=part)
    for name in TOO_CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def get_logger(name: str) -> Any:
    return structlog.get_logger(name)
