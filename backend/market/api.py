"""REST for symbols and for what is stored of the market."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.brokers.base import Contract, ContractMatch
from backend.core.errors import InvalidInput
from backend.market.service import MarketData
from backend.web.security import Reader

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
