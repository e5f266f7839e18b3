"""The books: double entry, to the cent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

CENT = Decimal("0.01")
CASH, CAPITAL, REALISED, FEES = "cash", "capital", "realised", "fees"
"""Cash and fees are debit accounts, capital and realised profit credit accounts (negative)."""


@dataclass(kw_only=True)
class Fill:
    """
    One execution. `quantity` is signed; `commission` includes fees and is told late, at `told_ms`.

    `settles_ms` is when its cash is settled: the opening of the next session.
    """

    id: str
    order_id: int
    conid: int
    quantity: int
    price: Decimal
    at_ms: int
    commission: Decimal
    told_ms: int
    settles_ms: int
    position: int
    realised: Decimal
    """Net of the commissions of the shares that it closed."""

    @property
    def cash(self) -> Decimal:
        return -self.price * self.quantity - self.commission


@dataclass(kw_only=True)
class Position:
    """`cost` is what the open shares were bought for, negative when short; `fees` come on top."""

    conid: int
    quantity: int = 0
    cost: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    realised_today: Decimal = Decimal(0)
    touched_ms: int = 0

    @property
    def average_price(self) -> Decimal:
        return self.cost / self.quantity if self.quantity else Decimal(0)

    @property
    def average_cost(self) -> Decimal:
        """With commissions, as IBKR counts it: they raise a long cost, lower a short's proceeds."""
        return (self.cost + self.fees) / self.quantity if self.quantity else Decimal(0)

    def unrealised(self, mark: Decimal) -> Decimal:
        return mark * self.quantity - self.cost - self.fees


def _account(conid: int) -> str:
    return f"position {conid}"


@dataclass
class Books:
    """Accounts whose sum is zero, and the positions that some of them stand for."""

    accounts: dict[str, Decimal] = field(default_factory=dict)
    positions: dict[int, Position] = field(default_factory=dict)
    realised_today: Decimal = Decimal(0)

    @classmethod
    def opened_with(cls, cash: Decimal) -> "Books":
        return cls({CASH: cash, CAPITAL: -cash, REALISED: Decimal(0), FEES: Decimal(0)})

    @property
    def cash(self) -> Decimal:
        return self.accounts[CASH]

    @property
    def capital(self) -> Decimal:
        return -self.accounts[CAPITAL]

    @property
    def realised(self) -> Decimal:
        """Of closed shares, before fees."""
        return -self.accounts[REALISED]

    @property
    def fees(self) -> Decimal:
        return self.accounts[FEES]

    def held(self, conid: int) -> int:
        position = self.positions.get(conid)
        return position.quantity if position else 0

    def apply(self, fill: Fill) -> None:
        """Book an execution; sets its `position` and `realised`."""
        position = self.positions.setdefault(fill.conid, Position(conid=fill.conid))
        closing = _closing(position.quantity, fill.quantity)
        opening = fill.quantity - closing
        released, fees_released = _released(position, closing)
        realised = -fill.price * closing - released if closing else Decimal(0)
        closing_fee = _share(fill.commission, closing, fill.quantity)
        position.quantity += fill.quantity
        position.cost += fill.price * opening - released
        position.fees += fill.commission - closing_fee - fees_released
        position.touched_ms = fill.at_ms
        self._post(
            (CASH, fill.cash),
            (_account(fill.conid), fill.price * opening - released),
            (REALISED, -realised),
            (FEES, fill.commission),
        )
        fill.position = position.quantity
        fill.realised = realised - closing_fee - fees_released
        position.realised_today += fill.realised
        self.realised_today += fill.realised

    def _post(self, *entries: tuple[str, Decimal]) -> None:
        assert sum(amount for _, amount in entries) == 0, f"unbalanced: {entries}"
        for account, amount in entries:
            self.accounts[account] = self.accounts.get(account, Decimal(0)) + amount

    def begin_day(self) -> None:
        """Yesterday's profit is history; closed positions are no longer shown."""
        self.realised_today = Decimal(0)
        for conid, position in list(self.positions.items()):
            position.realised_today = Decimal(0)
            if not position.quantity:
                del self.positions[conid]

    def balances(self) -> bool:
        """Debits are credits, every position stands at its cost, everything is whole cents."""
        held = {_account(conid): each.cost for conid, each in self.positions.items()}
        accounts = [name for name in self.accounts if name.startswith("position ")]
        return (
            sum(self.accounts.values()) == 0
            and all(self.accounts[name] == held.get(name, 0) for name in accounts)
            and all(amount == amount.quantize(CENT) for amount in self.accounts.values())
        )


def _closing(held: int, quantity: int) -> int:
    """The part of `quantity` that reduces what is held."""
    if held * quantity >= 0:
        return 0
    closed = min(abs(held), abs(quantity))
    return closed if quantity > 0 else -closed


def _released(position: Position, closing: int) -> tuple[Decimal, Decimal]:
    """Cost and fees that leave with the closed shares; the last share takes what is left."""
    return (
        _share(position.cost, -closing, position.quantity),
        _share(position.fees, -closing, position.quantity),
    )


def _share(amount: Decimal, part: int, whole: int) -> Decimal:
    if not part:
        return Decimal(0)
    return amount if part == whole else (amount * part / whole).quantize(CENT, ROUND_HALF_UP)


def settled(cash: Decimal, fills: Sequence[Fill], now_ms: int) -> Decimal:
    """Cash without what the trades of `fills`, oldest first, have yet to bring or to cost."""
    for fill in reversed(fills):
        if fill.settles_ms <= now_ms:
            break
        cash -= fill.cash
    return cash
