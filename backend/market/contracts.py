"""Contracts and answers to searches in the database, and the choice among listings."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.brokers import base
from backend.core.database import Model
from backend.core.errors import InvalidInput, UnknownName, did_you_mean
from backend.exchange import calendars
from backend.market import models

# Listings change rarely, and a wrong contract is caught again when an order is checked.
FRESH = timedelta(days=7)
Kind = Literal["search", "stocks"]


@dataclass(frozen=True, kw_only=True)
class CacheStatistics:
    """`stale` ones are older than `FRESH` and are asked for anew at their next use."""

    contracts: int
    stale_contracts: int
    searches: int
    stale_searches: int
    series: int
    bars: int
    oldest_contract_at: datetime | None


def stored_answer(
    session: Session, kind: Kind, query: str, now: datetime
) -> tuple[base.ContractMatch, ...] | None:
    """What the broker said to this question in the last seven days; None if it was not asked."""
    row = session.get(models.ContractSearch, (kind, query))
    if row is None or row.fetched_at <= now - FRESH:
        return None
    return tuple(
        base.ContractMatch(**match | {"security_types": tuple(match["security_types"])})
        for match in row.answer["matches"]
    )


def keep_answer(
    session: Session,
    kind: Kind,
    query: str,
    matches: tuple[base.ContractMatch, ...],
    now: datetime,
) -> None:
    answer = {"version": 1, "matches": [asdict(match) for match in matches]}
    _upsert(
        session,
        models.ContractSearch,
        {"kind": kind, "query": query, "answer": answer, "fetched_at": now},
    )


def stored_contract(session: Session, conid: int, now: datetime) -> base.Contract | None:
    row = session.get(models.Contract, conid)
    return None if row is None or row.fetched_at <= now - FRESH else of_row(row)


def known_contract(session: Session, symbol: str) -> base.Contract | None:
    """Of those with this symbol the one of most stored series; None where there is none."""
    series = select(func.count()).where(models.BarCoverage.conid == models.Contract.conid)
    row = session.scalars(
        select(models.Contract)
        .where(models.Contract.symbol == symbol)
        .order_by(series.scalar_subquery().desc(), models.Contract.conid)
        .limit(1)
    ).first()
    return None if row is None else of_row(row)


def known_by_conid(session: Session, conid: int) -> base.Contract | None:
    row = session.get(models.Contract, conid)
    return None if row is None else of_row(row)


def of_row(row: models.Contract) -> base.Contract:
    fields = base.Contract.__dataclass_fields__
    stored = base.Contract(**{name: getattr(row, name) for name in fields})
    # As the broker gave them: a cached contract must not differ from a fetched one by its zeros.
    return replace(stored, tick=_plain(stored.tick), lot=_plain(stored.lot))


def _plain(number: Decimal) -> Decimal:
    """Without the column's trailing zeros, and without an exponent."""
    return Decimal(f"{number.normalize():f}")


def keep_contract(session: Session, contract: base.Contract, now: datetime) -> None:
    _upsert(session, models.Contract, asdict(contract) | {"fetched_at": now})


def known_symbols(session: Session) -> list[str]:
    return list(session.scalars(select(models.Contract.symbol).distinct()))


def statistics(session: Session, now: datetime) -> CacheStatistics:
    def count(table: type[Model], *conditions: Any) -> int:
        return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0

    limit = now - FRESH
    return CacheStatistics(
        contracts=count(models.Contract),
        stale_contracts=count(models.Contract, models.Contract.fetched_at <= limit),
        searches=count(models.ContractSearch),
        stale_searches=count(models.ContractSearch, models.ContractSearch.fetched_at <= limit),
        series=count(models.BarCoverage),
        bars=count(models.Bar),
        oldest_contract_at=session.scalar(select(func.min(models.Contract.fetched_at))),
    )


def tidy(text: str) -> str:
    """A symbol or search in upper case with single blanks; raises `InvalidInput` for nonsense."""
    tidied = " ".join(text.upper().split())
    if not tidied or len(tidied) > 64:
        raise InvalidInput(
            "A symbol or search has between 1 and 64 characters, such as AAPL.", code="bad_symbol"
        )
    return tidied


def on_exchange(
    symbol: str, matches: tuple[base.ContractMatch, ...], exchange: str
) -> tuple[base.ContractMatch, ...]:
    """
    Listings whose primary exchange has this name, else those on the same calendar (XLON, LSE).

    Raises `UnknownName` code `unknown_symbol` that names where the symbol is listed.
    """
    wanted = exchange.strip().upper()
    exact = tuple(match for match in matches if match.exchange.upper() == wanted)
    alike = tuple(match for match in matches if _calendar(match.exchange) == _calendar(wanted))
    if found := exact or alike:
        return found
    raise UnknownName(
        f"{symbol} is not listed on {exchange}, but on {_listed(matches)}."
        f"{did_you_mean(wanted, [match.exchange for match in matches])}",
        code="unknown_symbol",
        field="exchange",
    )


def the_one(
    symbol: str, matches: tuple[base.ContractMatch, ...], advice: str = "exchange or currency"
) -> base.ContractMatch:
    """
    The only listing, or the only one in the United States.

    Raises `InvalidInput` code `ambiguous_symbol` that names the choices.
    """
    american = tuple(match for match in matches if _is_american(match))
    for choice in (matches, american):
        if len(choice) == 1:
            return choice[0]
    raise InvalidInput(
        f"{symbol} is listed on {_listed(american or matches)}; name the {advice}.",
        code="ambiguous_symbol",
        field="symbol",
    )


def unknown(symbol: str, names: Iterable[str]) -> UnknownName:
    hint = did_you_mean(symbol, names)
    return UnknownName(
        f"The broker knows no stock {symbol!r}.{hint or ' Search by the company name instead.'}",
        code="unknown_symbol",
        field="symbol",
    )


def _is_american(match: base.ContractMatch) -> bool:
    return _calendar(match.exchange) == "XNYS" if match.is_us is None else match.is_us


def _calendar(exchange: str) -> str:
    """The calendar's code, or the name itself where no calendar has it."""
    try:
        return calendars.code_of(exchange)
    except UnknownName:
        return exchange.upper()


def _listed(matches: tuple[base.ContractMatch, ...]) -> str:
    return ", ".join(f"{match.exchange} ({match.name}, conid {match.conid})" for match in matches)


def _upsert(session: Session, table: type[Model], values: dict[str, Any]) -> None:
    keys = [column.name for column in table.__table__.primary_key]
    others = {name: value for name, value in values.items() if name not in keys}
    session.execute(
        insert(table).values(values).on_conflict_do_update(index_elements=keys, set_=others)
    )
