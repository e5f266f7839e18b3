"""REST for symbols and for what is stored of the market."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.brokers.base import Contract, ContractMatch
from backend.core.database import SessionDep
from backend.core.errors import InvalidInput, NotFound
from backend.core.values import Timeframe
from backend.market import fetching
from backend.market.fetching import FEWEST, MOST
from backend.market.models import BarFetch
from backend.market.service import MarketData
from backend.web.security import Operator, Reader
from backend.web.state import ActorDep, ClockDep

router = APIRouter(prefix="/api")

Symbol = Annotated[str, Field(min_length=1, max_length=20)]


def _market(request: Request) -> MarketData:
    market: MarketData = request.app.state.market
    return market


MarketDep = Annotated[MarketData, Depends(_market)]


class Batch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    symbols: list[Symbol] = Field(min_length=1, max_length=200)


class Resolved(BaseModel):
    contract: Contract | None
    error: str | None


@router.get("/symbols/search")
def search_symbols(
    market: MarketDep,
    _key: Reader,
    query: Annotated[str, Query(min_length=1, max_length=64, description="Symbol or name.")],
) -> list[ContractMatch]:
    return list(market.search(query))


@router.post("/symbols/batch")
def resolve_symbols(market: MarketDep, _key: Reader, batch: Batch) -> dict[str, Resolved]:
    """Each symbol's contract, or why there is none."""
    found = market.resolve_many(batch.symbols)
    return {
        symbol: Resolved(contract=None, error=each.message)
        if isinstance(each, InvalidInput)
        else Resolved(contract=each, error=None)
        for symbol, each in found.items()
    }


@router.get("/symbols/cache/stats")
def cache_statistics(market: MarketDep, _key: Reader) -> dict[str, Any]:
    return vars(market.cache_statistics())


@router.get("/bars/coverage")
def bar_coverage(market: MarketDep, _key: Reader) -> list[dict[str, Any]]:
    """How far each stored series is complete, and how good it is."""
    return [vars(series) for series in market.coverage()]


class FetchOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    symbol: Symbol
    timeframe: Timeframe
    count: int = Field(500, ge=FEWEST, le=MOST, strict=True, description="Bars back, at least.")
    anew: bool = Field(False, strict=True, description="All of it, not only what is missing.")


class FetchOut(BaseModel):
    """`problem` says why no bars came; both it and `bars` are none until it is finished."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    conid: int
    timeframe: Timeframe
    count: int
    is_anew: bool
    requested_at: datetime
    requested_by: str
    started_at: datetime | None
    finished_at: datetime | None
    bars: int | None
    problem: str | None


@router.post("/bars/fetches", status_code=202)
def fetch_bars(
    session: SessionDep,
    clock: ClockDep,
    market: MarketDep,
    _key: Operator,
    actor: ActorDep,
    order: FetchOrder,
) -> FetchOut:
    """A worker fetches; ask for it again to see how far it is."""
    contract = market.known(order.symbol) or market.resolve(order.symbol)
    asked = fetching.ask(
        session,
        clock,
        contract,
        order.timeframe,
        count=order.count,
        is_anew=order.anew,
        actor=actor,
    )
    fetching.send_after_commit(session, asked.id)
    return FetchOut.model_validate(asked)


@router.get("/bars/fetches/{fetch_id}")
def get_fetch(
    session: SessionDep, _key: Reader, fetch_id: Annotated[int, Path(ge=1, le=2**63 - 1)]
) -> FetchOut:
    fetch = session.get(BarFetch, fetch_id)
    if fetch is None:
        raise NotFound(f"There is no fetch {fetch_id}.")
    return FetchOut.model_validate(fetch)
