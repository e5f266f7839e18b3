"""What is known of the market: coverage of every symbol, and one symbol's chart."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.brokers.base import Contract, ContractMatch
from backend.charts import figure_json
from backend.core.database import SessionDep, transaction
from backend.core.errors import AppError, InvalidInput, did_you_mean
from backend.core.logging import get_logger
from backend.core.values import Timeframe
from backend.indicators import indicators, warm_up
from backend.market import charting, coverage, fetching
from backend.market.charting import COUNTS, Wanted
from backend.market.marks import Marks
from backend.market.service import MarketData
from backend.web.flash import flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

logger = get_logger(__name__)

router = APIRouter(include_in_schema=False, prefix="/market")

Symbol = Annotated[str, Path(min_length=1, max_length=64)]
Text = Annotated[str, Query(max_length=64)]
SHOWN_DECISIONS = 12
MARKED_DECISIONS = 500


@router.get("")
def list_market(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    symbol: Text = "",
    query: Text = "",
    after: Text = "",
) -> Response:
    if symbol.strip():
        return RedirectResponse(f"/market/{quote(symbol.strip().upper(), safe='')}", 303)
    names = coverage.symbols(session, after=after, query=query.strip())
    shown = names[: coverage.PAGE]
    rest = {"after": shown[-1], **({"query": query} if query else {})} if shown else {}
    context = {
        "series": coverage.of_symbols(session, shown, clock.now()),
        "query": query,
        "is_first": not after,
        "further": f"/market?{urlencode(rest)}" if len(names) > len(shown) else "",
        "begin": "/market" + (f"?{urlencode({'query': query})}" if query else ""),
        "now": clock.now(),
    }
    return templates.TemplateResponse(request, "market/list.html", context)


@router.get("/{symbol}")
def show_symbol(request: Request, clock: ClockDep, symbol: Symbol) -> Response:
    try:
        contract = _contract(request, symbol)
    except InvalidInput as error:
        return _unknown(request, symbol, error)
    # The broker may have been asked until here; only now is a transaction opened.
    with transaction() as session:
        context = _symbol(request, session, contract)
        status = 422 if context["errors"] else 200
        return templates.TemplateResponse(
            request, "market/symbol.html", context, status_code=status
        )


@router.get("/{symbol}/figure")
def draw(
    request: Request,
    clock: ClockDep,
    symbol: Symbol,
    timeframe: Timeframe = Timeframe.DAY,
    count: Annotated[int, Query(ge=10, le=COUNTS[-1])] = 250,
    indicators: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """A Plotly figure of stored bars; `indicators` are separated by commas."""
    contract = _contract(request, symbol)
    wanted = Wanted(timeframe=timeframe, count=count, indicators=_split(indicators))
    with transaction() as session:
        figure = charting.chart(
            session,
            contract,
            wanted,
            decided=_marks(request)(session, contract.conid, timeframe, MARKED_DECISIONS),
            now=clock.now(),
            is_simulated=_is_simulated(request),
        )
    return Response(figure_json(figure), media_type="application/json")


@router.post("/{symbol}/fetch")
def fetch(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    symbol: Symbol,
    timeframe: Annotated[str, Form(max_length=8)],
    count: Annotated[str, Form(max_length=8)] = "500",
    anew: Annotated[bool, Form()] = False,
) -> Response:
    """A worker fetches; the page that follows tells how far it is."""
    contract = _contract(request, symbol)
    asked = fetching.ask(
        session,
        clock,
        contract,
        _timeframe(timeframe),
        count=_count(count),
        is_anew=anew,
        actor=actor,
    )
    fetching.send_after_commit(session, asked.id)
    query = urlencode({"timeframe": asked.timeframe.value})
    response = RedirectResponse(f"/market/{quote(contract.symbol, safe='')}?{query}", 303)
    flash(response, f"{asked.timeframe} bars of {contract.symbol} are being fetched.", "info")
    return response


def _symbol(request: Request, session: Session, contract: Contract) -> dict[str, Any]:
    now = request.app.state.clock.now()
    stored = [
        series
        for series in coverage.of_symbols(session, [contract.symbol], now)
        if series.contract.conid == contract.conid
    ]
    wanted, errors = _wanted(request, [series.timeframe for series in stored])
    current = next((each for each in stored if each.timeframe is wanted.timeframe), None)
    return {
        "contract": contract,
        "stored": stored,
        "current": current,
        "report": charting.report(session, contract, wanted.timeframe, now) if current else None,
        "wanted": wanted,
        "errors": errors | _too_few(wanted, current, errors),
        "typed": request.query_params.get("add", "") if errors else "",
        "fetches": fetching.newest(session, contract.conid),
        "decisions": _marks(request)(session, contract.conid, None, SHOWN_DECISIONS),
        "is_simulated": _is_simulated(request),
        "figure_url": _figure_url(contract, wanted),
        "timeframes": [(each.value, each.value) for each in Timeframe],
        "counts": [(count, f"{count:,} bars") for count in COUNTS],
        "known_indicators": list(indicators),
        "address": lambda **changes: _address(contract, wanted, **changes),
        "now": now,
    }


def _wanted(request: Request, stored: list[Timeframe]) -> tuple[Wanted, dict[str, str]]:
    """What the address asks for; what is wrong in it is told, and the rest is shown."""
    query, errors = request.query_params, dict[str, str]()
    default = Timeframe.DAY if Timeframe.DAY in stored or not stored else stored[0]
    timeframe, count = default, 250
    try:
        timeframe = _timeframe(query["timeframe"]) if query.get("timeframe") else default
        count = _count(query["count"]) if query.get("count") else count
    except InvalidInput as error:
        errors[error.field or "timeframe"] = error.message
    chosen: list[str] = []
    for text in (*query.getlist("indicator"), *_split(query.get("add", ""))):
        try:
            # Once each, and as it is written shortest.
            Wanted(timeframe=timeframe, indicators=(*chosen, text)).specs()
            chosen += [text] if text not in chosen else []
        except InvalidInput as error:
            errors["add"] = error.message
    count = min(count, COUNTS[-1])
    return Wanted(timeframe=timeframe, count=count, indicators=tuple(chosen)), errors


def _too_few(
    wanted: Wanted, current: coverage.StoredSeries | None, errors: dict[str, str]
) -> dict[str, str]:
    needed = warm_up(wanted.specs())
    if current is None or errors or current.bars >= needed:
        return {}
    return {
        "add": f"These indicators need {needed} bars and {current.bars} are stored; fetch more."
    }


def _unknown(request: Request, symbol: str, error: InvalidInput) -> Response:
    """What else it might be: a page that helps, instead of an error that does not."""
    matches: tuple[ContractMatch, ...] = ()
    try:
        matches = _market(request).search(symbol)[:10]
    except AppError as problem:
        logger.info("search_failed", code=problem.code)
    context = {"symbol": symbol, "message": error.message, "matches": matches}
    return templates.TemplateResponse(request, "market/unknown.html", context, status_code=404)


def _contract(request: Request, symbol: str) -> Contract:
    """As it is stored, else as the broker resolves it."""
    market = _market(request)
    return market.known(symbol) or market.resolve(symbol)


def _market(request: Request) -> MarketData:
    market: MarketData = request.app.state.market
    return market


def _marks(request: Request) -> Marks:
    marks: Marks = request.app.state.decision_marks
    return marks


def _is_simulated(request: Request) -> bool:
    standing = request.app.state.standing()
    return bool(standing and standing.is_simulated)


def _timeframe(text: str) -> Timeframe:
    names = [timeframe.value for timeframe in Timeframe]
    if text not in names:
        raise InvalidInput(
            f"timeframe: {text!r} is none.{did_you_mean(text, names)} Known: {', '.join(names)}.",
            field="timeframe",
        )
    return Timeframe(text)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) >= 10):
        raise InvalidInput(f"count: {text!r} is no number of bars from 10 up.", field="count")
    return int(text)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _figure_url(contract: Contract, wanted: Wanted) -> str:
    query = {
        "timeframe": wanted.timeframe.value,
        "count": wanted.count,
        "indicators": ",".join(wanted.indicators),
    }
    return f"/market/{quote(contract.symbol, safe='')}/figure?{urlencode(query)}"


def _address(contract: Contract, wanted: Wanted, **changes: Any) -> str:
    """This page with another choice; `without` takes an indicator away."""
    without = changes.pop("without", None)
    query = [("timeframe", wanted.timeframe.value), ("count", str(wanted.count))]
    query = [(name, str(changes.get(name, value))) for name, value in query]
    query += [("indicator", text) for text in wanted.indicators if text != without]
    return f"/market/{quote(contract.symbol, safe='')}?{urlencode(query)}"
