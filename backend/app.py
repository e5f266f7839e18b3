"""The web process: pages, API, health and metrics."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from backend.approvals import api as approvals_api
from backend.approvals import pages as approvals_pages
from backend.core import logging
from backend.core.database import transaction
from backend.core.settings import settings
from backend.core.version import VERSION
from backend.decisions import api as decisions_api
from backend.decisions import pages as decisions_pages
from backend.decisions import service as decisions
from backend.executions import api as executions_api
from backend.executions import (
    following_api,
    gateway_states,
    health,
    list_pages,
    pages,
    rerun_pages,
    strategy_pages,
)
from backend.executions.metrics import Metrics
from backend.executions.replays import api as replay_api
from backend.executions.replays import pages as replay_pages
from backend.executions.tools import live_tools
from backend.journal import api as journal_api
from backend.journal import of_strategies as results_of_strategies
from backend.journal import pages as journal_pages
from backend.market import api as market_api
from backend.market import pages as market_pages
from backend.notifications import api as notifications_api
from backend.notifications import pages as notifications_pages
from backend.overview import api as overview_api
from backend.overview import going_live_api, going_live_pages
from backend.overview import pages as overview_pages
from backend.portfolio import api as portfolio_api
from backend.portfolio import order_api, order_pages
from backend.portfolio import pages as portfolio_pages
from backend.portfolio.approvals import DatabaseApprovals
from backend.portfolio.metrics import OrderMetrics
from backend.portfolio.safeguards import DatabaseSafeguards
from backend.prompts import editing_pages as prompt_editing_pages
from backend.prompts import pages as prompt_pages
from backend.risk import api as risk_api
from backend.risk import halt_pages, usage_api
from backend.risk import pages as risk_pages
from backend.strategies import api as strategies_api
from backend.strategies import editor_pages, preview_pages, prompts, version_api, version_pages
from backend.system import api as system_api
from backend.system import audit_pages
from backend.system import pages as system_pages
from backend.web import account_pages, assets, errors, flower_pages, patterns, sign_in, signing
from backend.web.live import Hub
from backend.web.middleware import Guard
from backend.web.signed_in import SIGNED_IN
from backend.workflow.steps import Tools

APIS = (
    *(version_api, strategies_api, replay_api, executions_api, following_api, market_api),
    *(decisions_api, overview_api, risk_api, system_api, approvals_api, notifications_api),
    *(journal_api, usage_api, going_live_api, order_api, portfolio_api),
)
PAGES = (
    *(overview_pages, system_pages, audit_pages, list_pages, rerun_pages, replay_pages, pages),
    # Before the pages of one strategy, whose number could stand where their names do.
    *(editor_pages, preview_pages, version_pages, strategy_pages),
    *(patterns, account_pages, flower_pages, decisions_pages, market_pages),
    *(prompt_pages, prompt_editing_pages, risk_pages, halt_pages, approvals_pages),
    *(order_pages, notifications_pages, portfolio_pages, journal_pages, going_live_pages),
)


def create_app(make_tools: Callable[[], Tools] = live_tools) -> FastAPI:
    """`make_tools` is called when the process starts, not when the module is imported."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        logging.configure("web")
        signing.secret()  # refuse to start rather than to sign in nobody
        _furnish(app, make_tools())
        yield
        await app.state.live.close()

    app = FastAPI(
        title="Glassbox",
        version=VERSION,
        description="A trading engine that records every step of every decision.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        lifespan=lifespan,
    )
    errors.install(app)
    # From the inside out: the outer ones see the refusals of the inner ones, too.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=settings().web_allowed_hosts)
    app.add_middleware(Guard)
    app.add_middleware(GZipMiddleware, compresslevel=6)
    _add_routes(app)
    return app


def _furnish(app: FastAPI, tools: Tools) -> None:
    """What requests find in `app.state`."""
    with transaction() as session:
        prompts.add_defaults(session, tools.clock)
    app.state.tools, app.state.clock = tools, tools.clock
    app.state.storage, app.state.market = tools.storage, tools.market
    app.state.standing = gateway_states.reader(tools.clock)
    app.state.halts = DatabaseSafeguards().halts_for_pages
    app.state.approvals_waiting = DatabaseApprovals(tools.clock).count_for_pages
    app.state.health = health.Board(tools, app.state.standing)
    app.state.decision_marks = decisions.marks
    app.state.results_of_strategy = results_of_strategies.results
    app.state.metrics = CollectorRegistry()
    app.state.metrics.register(Metrics(tools.clock))
    app.state.metrics.register(OrderMetrics(tools.clock))
    app.state.live = Hub()


def _add_routes(app: FastAPI) -> None:
    for api in APIS:
        app.include_router(api.router, responses=errors.DOCUMENTED)
    app.include_router(sign_in.router)
    for each in PAGES:
        app.include_router(each.router, dependencies=SIGNED_IN)
    app.add_api_route("/health/live", live, include_in_schema=False)
    app.add_api_route("/health/ready", ready, include_in_schema=False)
    app.add_api_route("/metrics", metrics, include_in_schema=False)
    assets.mount(app)


def live() -> dict[str, str]:
    return {"status": "live"}


def ready(request: Request) -> JSONResponse:
    """503 while a needed part is away; each part tells how it is."""
    parts = health.parts(request.app.state.tools)
    is_ready = all(part.is_ready for part in parts if part.is_needed)
    document = {"is_ready": is_ready, "parts": {part.name: vars(part) for part in parts}}
    return JSONResponse(document, status_code=200 if is_ready else 503)


def metrics(request: Request) -> Response:
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)


app = create_app()
