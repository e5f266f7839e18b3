"""What workers do for news: at once when some was told, and whenever Beat asks."""

from backend.core.logging import get_logger
from backend.core.queue import queue
from backend.core.settings import settings
from backend.notifications import delivering
from backend.notifications.service import DELIVER_TASK

logger = get_logger(__name__)

app = queue()


@app.task(name=DELIVER_TASK)  # type: ignore[untyped-decorator]
def deliver() -> None:
    sent = delivering.deliver(settings().clock)
    if sent:
        logger.info("news_sent", messages=sent)
