"""What we hold: accounts, cash, equity, positions, working orders, the day's profit."""

from decimal import Decimal
from typing import Any

from backend.brokers.base import Account, AccountSnapshot, Position, WorkingOrder
from backend.brokers.client_portal import endpoints, listing, order_rows
from backend.brokers.client_portal.client import Call
from backend.brokers.client_portal.endpoints import Endpoint
from backend.brokers.client_portal.parsing import (
    parse_number,
    required_integer,
    required_number,
)
from backend.brokers.client_portal.session import GatewaySession
from backend.brokers.orders import BrokerOrder
from backend.core.clock import Clock
from backend.core.errors import InvalidInput, NotFound, SessionDown, TemporaryError, did_you_mean


def accounts(session: GatewaySession, wanted: str | None) -> tuple[Account, ...]:
    """Raises `InvalidInput` when the account that the settings name is not among them."""
    listed = session.read_object(_shared(endpoints.ACCOUNTS, session.id))
    rows = session.read_rows(_shared(endpoints.PORTFOLIO_ACCOUNTS, session.id))
    details = {row.get("id"): row for row in rows}
    # Advisors' logins add the pseudo-account All, which has no books of its own.
    ids = [str(name) for name in listed.get("accounts", []) if name in details]
    if wanted and wanted not in ids:
        raise InvalidInput(
            f"IBKR_ACCOUNT is {wanted!r}, which this login does not hold; it holds"
            f" {', '.join(ids) or 'none'}.{did_you_mean(wanted, ids)}",
            field="ibkr_account",
        )
    selected = wanted or listed.get("selectedAccount")
    return tuple(
        Account(
            id=name,
            currency=str(details[name].get("currency") or ""),
            is_paper=_is_paper(listed, details[name]),
            is_selected=name == selected,
        )
        for name in ids
    )


def _shared(endpoint: Endpoint, scope: str) -> Call:
    return Call(endpoint=endpoint, max_age=60.0, scope=scope)


def _is_paper(listed: dict[str, Any], details: dict[str, Any]) -> bool:
    """Older builds lack `isPaper`, but every build calls a paper account's type DEMO."""
    return bool(listed.get("isPaper", details.get("type") == "DEMO"))


def snapshot(
    session: GatewaySession, clock: Clock, account: str, *, wanted: str | None
) -> AccountSnapshot:
    """Working orders and the day's profit are at most five seconds old: IBKR's limit on them."""
    held = {item.id: item for item in accounts(session, wanted)}
    if account not in held:
        raise _not_found(account, held)
    # The first read of a session comes back empty, and IBKR allows one in five seconds: begin
    # with these two, so that the other reads fill the pause.
    _recent(session, endpoints.ORDERS, accountId=account)
    _recent(session, endpoints.PNL)
    summary = _read(session, endpoints.SUMMARY, account)
    ledger = _read(session, endpoints.LEDGER, account)
    rows = _read(session, endpoints.POSITIONS, account)
    return AccountSnapshot(
        account=account,
        currency=_currency(summary, held[account]),
        is_paper=held[account].is_paper,
        cash=required_number(_inside(ledger, "BASE", "cashbalance"), "the cash balance"),
        equity=_amount(summary, "netliquidation"),
        buying_power=_amount(summary, "buyingpower"),
        day_pnl=_day_pnl(session, account),
        taken_at=clock.now(),
        realized_pnl=parse_number(_inside(ledger, "BASE", "realizedpnl"), "the realised profit"),
        positions=_positions(rows),
        working_orders=_working_orders(session, account),
    )


def _recent(session: GatewaySession, endpoint: Endpoint, **params: str) -> dict[str, Any]:
    return session.read_object(Call(endpoint=endpoint, params=params, max_age=5.0))


def _read(session: GatewaySession, endpoint: Endpoint, account: str) -> Any:
    """A 401 here means an unknown account as long as the session itself is well."""
    try:
        return session.read(Call(endpoint=endpoint, path={"account": account}))
    except SessionDown as error:
        if error.code != "logged_out":
            raise
        session.require_ready()
        raise _not_found(account, ()) from error


def _not_found(account: str, held: Any) -> NotFound:
    return NotFound(f"This login holds no account {account!r}.{did_you_mean(account, held)}")


def _inside(document: Any, *names: str) -> Any:
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _amount(summary: Any, key: str) -> Decimal:
    return required_number(_inside(summary, key, "amount"), f"the account's {key}")


def _currency(summary: Any, account: Account) -> str:
    return str(_inside(summary, "netliquidation", "currency") or account.currency)


def _day_pnl(session: GatewaySession, account: str) -> Decimal | None:
    rows = _recent(session, endpoints.PNL).get("upnl")
    return parse_number(_inside(rows, f"{account}.Core", "dpl"), "the day's profit and loss")


def _positions(rows: Any) -> tuple[Position, ...]:
    """Closed positions linger with a quantity of zero for the day."""
    if not isinstance(rows, list):
        raise TemporaryError("The gateway's positions are not a list.", code="bad_answer")
    held = (_position(row) for row in rows)
    return tuple(position for position in held if position.quantity)


def _position(row: dict[str, Any]) -> Position:
    return Position(
        conid=required_integer(row.get("conid"), "a position's conid"),
        symbol=str(row.get("description") or ""),
        quantity=required_number(row.get("position"), "a position's quantity"),
        average_cost=required_number(row.get("avgCost"), "a position's cost"),
        market_price=required_number(row.get("marketPrice"), "a position's price"),
        market_value=required_number(row.get("marketValue"), "a position's value"),
        unrealized_pnl=required_number(row.get("unrealizedPnl", 0), "a position's profit"),
        realized_pnl=required_number(row.get("realizedPnl", 0), "a position's profit"),
        currency=str(row.get("currency") or ""),
    )


def _working_orders(session: GatewaySession, account: str) -> tuple[WorkingOrder, ...]:
    rows = listing.read_rows(session, account, max_age=5.0)
    orders = ((order_rows.order(row), str(row.get("status") or "")) for row in rows)
    return tuple(_working(order, word) for order, word in orders if not order.status.is_final)


def _working(order: BrokerOrder, word: str) -> WorkingOrder:
    return WorkingOrder(
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        conid=order.conid,
        symbol=order.symbol,
        side=order.side,
        order_type=order.order_type,
        quantity=order.quantity,
        filled=order.filled,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        status=word,
    )
