"""What can be traded: search, all stocks under a symbol, one contract in full."""

from decimal import Decimal
from typing import Any

from backend.brokers.base import Contract, ContractMatch
from backend.brokers.client_portal import endpoints, exchanges, quotes
from backend.brokers.client_portal.client import Call
from backend.brokers.client_portal.parsing import required_integer, required_number
from backend.brokers.client_portal.session import GatewaySession
from backend.core.errors import NotFound, OutsideError, TemporaryError

SYMBOLS_AT_ONCE = 100


def search(session: GatewaySession, query: str) -> tuple[ContractMatch, ...]:
    """By symbol; if no symbol fits, by company name."""
    by_symbol = _search(session, {"symbol": query.strip()})
    return by_symbol or _search(session, {"symbol": query.strip(), "name": "true"})


def _search(session: GatewaySession, params: dict[str, str]) -> tuple[ContractMatch, ...]:
    try:
        rows = session.read_rows(Call(endpoint=endpoints.SEARCH, params=params))
    except OutsideError as error:
        # Some builds answer an unknown symbol with an error instead of an empty list.
        if error.code == "rejected":
            return ()
        raise
    return tuple(_match(row) for row in rows if row.get("symbol"))


def _match(row: dict[str, Any]) -> ContractMatch:
    kinds = (section.get("secType", "") for section in row.get("sections") or ())
    return ContractMatch(
        conid=required_integer(row.get("conid"), "a contract's conid"),
        symbol=str(row["symbol"]),
        name=str(row.get("companyName") or ""),
        exchange=str(row.get("description") or ""),
        security_types=tuple(kind for kind in kinds if kind),
    )


def stocks(
    session: GatewaySession, symbols: tuple[str, ...]
) -> dict[str, tuple[ContractMatch, ...]]:
    """Keys are the symbols as they were given; the gateway knows them in upper case."""
    found: dict[str, Any] = {}
    wanted = sorted({symbol.strip().upper() for symbol in symbols})
    for first in range(0, len(wanted), SYMBOLS_AT_ONCE):
        params = {"symbols": ",".join(wanted[first : first + SYMBOLS_AT_ONCE])}
        found |= session.read_object(Call(endpoint=endpoints.STOCKS, params=params))
    return {symbol: _listings(symbol, found.get(symbol.strip().upper())) for symbol in symbols}


def _listings(symbol: str, companies: Any) -> tuple[ContractMatch, ...]:
    """An unknown symbol has an empty list, or an empty object."""
    return tuple(
        ContractMatch(
            conid=required_integer(contract.get("conid"), "a contract's conid"),
            symbol=symbol.strip().upper(),
            name=str(company.get("name") or ""),
            exchange=str(contract.get("exchange") or ""),
            security_types=(str(company.get("assetClass") or "STK"),),
            is_us=bool(contract.get("isUS")),
        )
        for company in companies or ()
        for contract in company.get("contracts") or ()
    )


def contract(session: GatewaySession, conid: int) -> Contract:
    """
    Raises `NotFound`, and `OutsideError` for a listing whose trading hours we do not know.

    The gateway does not tell board lots; a lot of one share is right wherever it lets us trade
    single shares, which is everywhere but some Asian exchanges.
    """
    info = _info(session, conid)
    definition = _definition(session, conid)
    exchange = str(definition.get("listingExchange") or info.get("exchange") or "")
    calendar, timezone = exchanges.place(exchange)
    return Contract(
        conid=conid,
        symbol=str(info.get("symbol") or definition.get("ticker") or ""),
        name=str(info.get("company_name") or definition.get("name") or ""),
        exchange=exchange.partition(".")[0],
        currency=str(info.get("currency") or definition.get("currency") or ""),
        security_type=str(info.get("instrument_type") or definition.get("assetClass") or ""),
        tick=_tick(session, conid, definition),
        lot=Decimal(1),
        calendar=calendar,
        timezone=timezone,
    )


def _info(session: GatewaySession, conid: int) -> dict[str, Any]:
    call = Call(endpoint=endpoints.CONTRACT_INFO, path={"conid": str(conid)})
    try:
        return session.read_object(call)
    except OutsideError as error:
        if error.code == "invalid_request":
            raise _not_found(conid) from error
        raise


def _definition(session: GatewaySession, conid: int) -> dict[str, Any]:
    body = session.read(Call(endpoint=endpoints.SECDEF, params={"conids": str(conid)}))
    rows = body.get("secdef") if isinstance(body, dict) else None
    if not rows:
        raise _not_found(conid)
    definition: dict[str, Any] = rows[0]
    return definition


def _not_found(conid: int) -> NotFound:
    return NotFound(f"IBKR knows no contract with the id {conid}; search for the symbol anew.")


def _tick(session: GatewaySession, conid: int, definition: dict[str, Any]) -> Decimal:
    """The increment at the present price, where increments grow with the price."""
    rules = sorted(
        (
            required_number(rule.get("lowerEdge"), "a tick's lower edge"),
            required_number(rule.get("increment"), "a tick"),
        )
        for rule in definition.get("incrementRules") or ()
    )
    if not rules:
        raise TemporaryError(f"The gateway left out the tick of {conid}.", code="bad_answer")
    if len(rules) == 1:
        return rules[0][1]
    quote = quotes.read(session, conid)
    price = quote.last or quote.prior_close or rules[-1][0]
    return [tick for edge, tick in rules if edge <= price or edge == rules[0][0]][-1]
