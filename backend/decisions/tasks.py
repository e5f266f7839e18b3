"""What workers do for decisions when Beat asks."""

from backend.core import events
from backend.core.errors import OutsideError
from backend.core.logging import get_logger
from backend.core.queue import queue
from backend.decisions import following, gathering
from backend.decisions.service import SUBJECT
from backend.executions.tools import live_tools

logger = get_logger(__name__)

app = queue()


@app.task(name="decisions.gather")  # type: ignore[untyped-decorator]
def gather() -> None:
    """Until nothing is missing, so that a long-grown house is caught up with at once."""
    while gathering.gather(live_tools().storage):
        events.publish(SUBJECT)


@app.task(name="decisions.follow")  # type: ignore[untyped-decorator]
def follow() -> None:
    """A broker that is away is no failure: what is due stays due."""
    tools = live_tools()
    try:
        changed = following.follow(tools.market, tools.clock)
    except OutsideError as error:
        logger.warning("decisions_not_followed", code=error.code, reason=error.message)
        return
    if changed:
        events.publish(SUBJECT)
        logger.info("decisions_followed", changed=changed)
