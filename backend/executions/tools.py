"""The outside as a live execution meets it, made once per process from the settings."""

from functools import cache

import structlog

from backend import analysis, storage
from backend.brokers import client_portal
from backend.charts import Renderer
from backend.core.settings import settings
from backend.executions.answers import DatabaseAnswers
from backend.executions.budget import DatabaseBudget
from backend.executions.journal import DatabaseJournal
from backend.market.service import MarketData
from backend.portfolio.approvals import DatabaseApprovals
from backend.portfolio.orders.desk import DatabaseDesk
from backend.portfolio.safeguards import DatabaseSafeguards
from backend.workflow.steps import Tools


@cache
def live_tools() -> Tools:
    clock = settings().clock
    broker = client_portal.from_settings(clock)
    budget = DatabaseBudget(clock)
    analyst = analysis.create(
        analysis.default_name(settings()),
        settings(),
        budget=budget,
        cache=DatabaseAnswers(clock),
    )
    structlog.get_logger(__name__).info("tools_ready", analyst=analyst.name)
    return Tools(
        clock=clock,
        broker=broker,
        market=MarketData(broker, clock),
        storage=storage.from_settings(),
        renderer=Renderer() if settings().charts_png else None,
        analyst=analyst,
        budget=budget,
        journal=DatabaseJournal(),
        safeguards=DatabaseSafeguards(),
        approvals=DatabaseApprovals(clock),
        desk=DatabaseDesk(broker, clock),
    )
