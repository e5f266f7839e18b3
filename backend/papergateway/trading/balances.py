"""The account's figures at one moment, to the cent."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from backend.papergateway.trading import ledger, margin
from backend.papergateway.trading.desk import Desk

CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Balances:
    """
    `realised` and `day` are of the present trading day; `day` is the change in equity since it
    began. `stock` is net of short positions, `gross` counts them like long ones.
    """

    cash: Decimal
    settled: Decimal
    equity: Decimal
    day_equity: Decimal
    stock: Decimal
    gross: Decimal
    unrealised: Decimal
    realised: Decimal
    day: Decimal
    margin: Decimal
    """To open and to keep the positions in the day."""
    overnight: Decimal

    @property
    def available(self) -> Decimal:
        return self.equity - self.margin

    @property
    def buying_power(self) -> Decimal:
        return max(Decimal(0), self.available) * margin.LEVERAGE

    @property
    def special_memorandum(self) -> Decimal:
        return self.equity - self.overnight

    @property
    def leverage(self) -> Decimal:
        return self._of_equity(self.gross)

    @property
    def cushion(self) -> Decimal:
        return self._of_equity(self.available)

    def _of_equity(self, amount: Decimal) -> Decimal:
        ratio = amount / self.equity if self.equity > 0 else Decimal(0)
        return ratio.quantize(CENT, ROUND_HALF_UP)


def of(desk: Desk) -> Balances:
    state, now_ms = desk.state, desk.now_ms
    holdings = list(desk.holdings(now_ms))
    stock = sum((each.value for each in holdings), Decimal(0))
    equity = state.books.cash + stock
    return Balances(
        cash=state.books.cash,
        settled=ledger.settled(state.books.cash, state.fills, now_ms),
        equity=equity,
        day_equity=state.day_equity,
        stock=stock,
        gross=sum((abs(each.value) for each in holdings), Decimal(0)),
        unrealised=stock - sum((each.cost + each.fees for each in _open(desk)), Decimal(0)),
        realised=state.books.realised_today,
        day=equity - state.day_equity,
        margin=margin.total(holdings),
        overnight=margin.overnight(holdings),
    )


def _open(desk: Desk) -> list[ledger.Position]:
    return [each for each in desk.state.books.positions.values() if each.quantity]
