"""What the editor asks while somebody writes: checks, symbols, and previews on data of now."""

import base64
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Query, Request, Response

from backend.brokers.base import ContractMatch, SessionStatus
from backend.core.database import transaction
from backend.core.errors import AppError, InvalidInput, SessionDown
from backend.core.settings import settings
from backend.exchange import calendars, sessions
from backend.market.service import MarketData
from backend.strategies import editor, form, preview, prompts, rule_check, service
from backend.strategies.definition import StrategyDefinition, checked_schedule, problems
from backend.strategies.editor import Draft
from backend.strategies.editor_pages import draft_of
from backend.strategies.firing_chart import firing_chart
from backend.strategies.problems import refusal
from backend.strategies.schedule import exchange_of, explain, upcoming
from backend.web.forms import FieldsDep
from backend.web.rendering import templates
from backend.workflow.steps import Tools

router = APIRouter(include_in_schema=False)

MOST_FOUND = 12
MOST_SHOWN = 200
"""Firings in a list; the counts are of all."""


@router.post("/strategies/check")
def check(request: Request, fields: FieldsDep) -> dict[str, Any]:
    """All that is wrong, by the form's fields, and what the schedule and the rules may be."""
    draft = draft_of(fields)
    with transaction() as session:
        strategy_id = fields.get("strategy_id", "")
        strategy = service.get(session, int(strategy_id)) if strategy_id.isdecimal() else None
        judged = editor.judged(session, draft, strategy)
    return {
        "errors": judged.errors,
        "rule_names": editor.names_for_rules(draft.fields),
        "schedule": _schedule(draft, request.app.state.clock.now()),
    }


@router.get("/strategies/connection")
def connection(request: Request) -> Response:
    """The gateway's session, its accounts, and who would answer as analyst."""
    return _part(request, "connection", lambda: _connection(_tools(request)))


@router.get("/strategies/symbols")
def search_symbols(
    request: Request, query: Annotated[str, Query(min_length=1, max_length=64)]
) -> Response:
    """Stocks whose symbol or name fits, to choose from."""
    market: MarketData = request.app.state.market
    return _part(
        request,
        "symbols",
        lambda: {"found": [each for each in market.search(query) if _is_stock(each)][:MOST_FOUND]},
    )


@router.get("/strategies/contract")
def show_contract(
    request: Request, symbol: Annotated[str, Query(min_length=1, max_length=64)]
) -> Response:
    """What the symbol means to the broker: the instrument that would be traded."""
    return _part(request, "contract", lambda: _contract(symbol, _tools(request)))


@router.post("/strategies/preview/charts")
def preview_charts(request: Request, fields: FieldsDep) -> Response:
    """Each chart as the model will see it, made by the steps themselves."""
    return _part(request, "chart_preview", lambda: _charts(fields, _tools(request)))


@router.post("/strategies/preview/prompt")
def preview_prompt(request: Request, fields: FieldsDep) -> Response:
    """Every question as it would be sent now, with the most that it may cost."""
    return _part(request, "prompt_preview", lambda: _prompts(fields, _tools(request)))


@router.post("/strategies/preview/rules")
def preview_rules(request: Request, fields: FieldsDep) -> Response:
    """Where the rules would have held over the last year."""
    return _part(request, "rule_check", lambda: _rules(fields, _tools(request)))


def _part(request: Request, name: str, make: Callable[[], dict[str, Any]]) -> Response:
    """A piece of the page, or in its place why there is none and what to do."""
    try:
        context, status = make(), 200
    except AppError as error:
        name, status = "failed", error.status_code
        context = {"error": error, "is_session_down": isinstance(error, SessionDown)}
    path = f"strategies/_{name}.html"
    return templates.TemplateResponse(request, path, context, status_code=status)


def _connection(tools: Tools) -> dict[str, Any]:
    session = tools.broker.session()
    is_ready = session.status is SessionStatus.READY
    return {
        "session": session,
        "is_ready": is_ready,
        "accounts": tools.broker.accounts() if is_ready else (),
        "default_account": settings().ibkr_account,
        "analyst": tools.analyst,
        "model": settings().openai_model,
        "base_url": settings().openai_base_url,
        "now": tools.clock.now(),
    }


def _is_stock(match: ContractMatch) -> bool:
    return "STK" in match.security_types


def _contract(symbol: str, tools: Tools) -> dict[str, Any]:
    contract = tools.market.resolve(symbol)
    return {"contract": contract, "hours": _hours(contract.calendar, tools.clock.now())}


def _charts(fields: dict[str, str], tools: Tools) -> dict[str, Any]:
    shown = preview.charts(_chart_definition(fields), _symbol(fields), tools)
    pictures = {
        chart.timeframe: base64.b64encode(chart.png).decode() for chart in shown.charts if chart.png
    }
    figures = {chart.timeframe: orjson.loads(chart.figure) for chart in shown.charts}
    return {"shown": shown, "pictures": pictures, "figures": figures}


def _prompts(fields: dict[str, str], tools: Tools) -> dict[str, Any]:
    definition = _definition(fields)
    with transaction() as session:
        texts = prompts.texts(session, definition.model_dump(mode="json"))
    shown = preview.prompts(definition, _symbol(fields), texts, tools)
    return {"shown": shown, "texts": texts, "runs": len(definition.symbols)}


def _rules(fields: dict[str, str], tools: Tools) -> dict[str, Any]:
    definition = _definition(fields)
    is_simulated = preview.is_simulated(tools)
    contract = tools.market.resolve(_symbol(fields))
    checked = rule_check.check(definition, contract, tools)
    return {
        "checked": checked,
        "contract": contract,
        "definition": definition,
        "is_simulated": is_simulated,
        "shown": checked.firings[::-1][:MOST_SHOWN],
        "figure": firing_chart(checked, contract, is_simulated=is_simulated),
        "most_bars": rule_check.MOST_BARS,
    }


def _tools(request: Request) -> Tools:
    tools: Tools = request.app.state.tools
    return tools


def _definition(fields: dict[str, str]) -> StrategyDefinition:
    """Raises `InvalidInput` that names the first field at fault, and how many more there are."""
    return StrategyDefinition.checked(editor.document_of(draft_of(fields)))


def _chart_definition(fields: dict[str, str]) -> StrategyDefinition:
    """The charts alone: they can be looked at while rules and schedule are still being written."""
    document = editor.document_of(draft_of(fields))
    found = [each for each in problems(document) if each.field.startswith("charts")]
    if found:
        raise refusal(found)
    return StrategyDefinition.model_validate({**_ANY, "charts": document["charts"]})


_ANY = {
    "name": "Preview",
    "symbols": ["AAPL"],
    "schedule": {"when": "0 0 * * *"},
    "signal": {"source": "view", "stop": {"kind": "view"}},
}


def _symbol(fields: dict[str, str]) -> str:
    """The one that was asked for, else the first of the strategy's."""
    listed = form.to_document(draft_of(fields).fields)["symbols"]
    chosen = fields.get("preview_symbol", "").strip() or next(iter(listed), "")
    if not chosen:
        raise InvalidInput("Choose a symbol first: a preview needs one.", field="symbols")
    return chosen


def _schedule(draft: Draft, now: datetime) -> dict[str, Any] | None:
    """In words, with the next due times; None for one that is not valid yet."""
    try:
        schedule = checked_schedule(editor.document_of(draft)["schedule"])
    except (AppError, KeyError, TypeError):
        return None
    exchange = exchange_of(schedule)
    zone = calendars.calendar(exchange).zone if exchange else ZoneInfo(schedule.timezone)
    return {
        "words": explain(schedule),
        "zone": zone.key,
        "next": [
            {"at": due.isoformat(), "text": f"{due.astimezone(zone):%a %Y-%m-%d %H:%M %Z}"}
            for due in upcoming(schedule, now)
        ],
    }


def _hours(code: str, now: datetime) -> str:
    """Today's session, or the next one, in the exchange's zone."""
    calendar = calendars.calendar(code)
    today = now.astimezone(calendar.zone).date()
    for ahead in range(10):
        session = sessions.session_on(calendar, today + timedelta(days=ahead))
        if session is not None and session.close > now:
            opens, closes = (
                each.astimezone(calendar.zone) for each in (session.open, session.close)
            )
            half = ", a half day" if session.is_half_day else ""
            return f"{opens:%a %Y-%m-%d %H:%M} to {closes:%H:%M %Z}{half}"
    return "no session in the next ten days"
