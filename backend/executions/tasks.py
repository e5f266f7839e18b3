"""What workers do when the queue or Beat asks."""

from functools import cache

from backend.core.errors import OutsideError
from backend.core.logging import get_logger
from backend.core.queue import queue
from backend.executions import (
    dispatch,
    equity_watch,
    gateway_states,
    news,
    partitions,
    reaper,
    session_news,
    waiting,
)
from backend.executions.executor import StrategyExecutor
from backend.executions.lineage import LeaseLost
from backend.executions.tools import live_tools
from backend.market import fetching
from backend.market.service import MarketData

logger = get_logger(__name__)

app = queue()


@cache
def _executor() -> StrategyExecutor:
    return StrategyExecutor(live_tools())


@app.task(name=dispatch.RUN_TASK)  # type: ignore[untyped-decorator]
def run(execution_id: int) -> None:
    """Never retried by Celery: the lease and the reaper decide what runs again."""
    try:
        _executor().run(execution_id)
    except LeaseLost as error:
        logger.warning("lease_lost", execution=execution_id, error=error.message)


@app.task(name=fetching.FETCH_TASK)  # type: ignore[untyped-decorator]
def fetch_bars(fetch_id: int) -> None:
    """What a person asked for on the page of market data."""
    tools = live_tools()
    fetching.run(fetch_id, MarketData(tools.broker, tools.clock), tools.clock)


@app.task(name="executions.dispatch_due")  # type: ignore[untyped-decorator]
def dispatch_due() -> None:
    made = dispatch.dispatch_due(live_tools().clock)
    if made:
        logger.info("dispatched", executions=made)


@app.task(name="executions.keep_session")  # type: ignore[untyped-decorator]
def keep_session() -> None:
    """IBKR ends a brokerage session after some six idle minutes; workers share one tickle."""
    tools = live_tools()
    try:
        gateway_states.observe(tools.broker, tools.clock)
    except OutsideError as error:
        logger.warning("session_not_kept", code=error.code, reason=error.message)
    session_news.tell_of_session(tools.clock)


@app.task(name="executions.watch_equity")  # type: ignore[untyped-decorator]
def watch_equity() -> None:
    """Drawdown and losses are measured by it."""
    tools = live_tools()
    try:
        equity_watch.look(tools.broker, tools.clock)
    except OutsideError as error:
        logger.warning("equity_not_seen", code=error.code, reason=error.message)


@app.task(name="executions.reap")  # type: ignore[untyped-decorator]
def reap() -> None:
    """
    Send again what nobody works on, resume what was parked, wake what waited long enough, keep
    partitions ready, tell of what ended badly.
    """
    tools = live_tools()
    partitions.ensure(tools.clock)
    sent = reaper.send_abandoned()
    resumed = reaper.resume_parked(tools.broker, tools.clock)
    woken = waiting.send_due(tools.clock)
    news.tell_of_ends(tools.clock)
    if sent or resumed or woken:
        logger.info("reaped", sent_again=sent, resumed=resumed, woken=woken)
