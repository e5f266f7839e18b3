"""Turns what books and broker say of the instrument into what a question may show."""

from decimal import Decimal

from backend.analysis.standing import NOTHING, Held, HeldTrade, Standing, WorkingOrder
from backend.brokers.base import AccountSnapshot
from backend.trading.own_books import OwnBooks, OwnTrade


def standing(
    snapshot: AccountSnapshot | None, books: OwnBooks, conid: int, last_close: float
) -> Standing:
    """Nothing for a record from before the account was shown to the analyst."""
    if snapshot is None:
        return NOTHING
    trade = books.trades[0] if books.trades else None
    return Standing(
        position=_position(snapshot, conid),
        own_trade=None if trade is None else _trade(trade, last_close),
        own_orders=() if trade is None else _orders(trade),
    )


def _position(snapshot: AccountSnapshot, conid: int) -> Held | None:
    for each in snapshot.positions:
        if each.conid == conid:
            return Held(
                quantity=float(each.quantity),
                average_cost=float(each.average_cost),
                unrealized_pnl=float(each.unrealized_pnl),
            )
    return None


def _trade(trade: OwnTrade, last_close: float) -> HeldTrade:
    profit = _profit(trade, last_close)
    risked = None if trade.entry_price is None else abs(trade.entry_price - trade.first_stop)
    return HeldTrade(
        side="long" if trade.side == "BUY" else "short",
        quantity=float(trade.held),
        planned=float(trade.planned),
        entry_price=_number(trade.entry_price),
        stop=float(trade.stop),
        best_price=_number(trade.best_price),
        worst_price=_number(trade.worst_price),
        opened=None if trade.opened_at is None else f"{trade.opened_at:%Y-%m-%d %H:%M} UTC",
        profit_per_share=profit,
        r=None if profit is None or not risked else round(profit / float(risked), 2),
        entry_reason=trade.entry_reason,
    )


def _profit(trade: OwnTrade, last_close: float) -> float | None:
    if trade.entry_price is None:
        return None
    gain = last_close - float(trade.entry_price)
    return round(gain if trade.side == "BUY" else -gain, 8)


def _orders(trade: OwnTrade) -> tuple[WorkingOrder, ...]:
    return tuple(
        WorkingOrder(
            role=each.role,
            side=each.side,
            type=each.order_type,
            quantity=float(each.quantity),
            filled=float(each.filled),
            limit_price=_number(each.limit_price),
            stop_price=_number(each.stop_price),
            state=each.state,
        )
        for each in trade.orders
    )


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
