"""What closed round trips come to together: kind by kind, currency by currency."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from backend.journal.asking import Grouping, Kind, exit_words
from backend.journal.finding import Entry
from backend.trading.round_trip import ZERO, over
from backend.trading.track_record import TrackRecord

FEW = 30
"""Below so many, what a record says of the future is little."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One closed round trip as plots show it; `total` is the running sum after it."""

    id: int
    symbol: str
    closed_at: datetime
    net: Decimal
    total: Decimal
    net_r: Decimal | None
    mae_r: Decimal | None
    mfe_r: Decimal | None


@dataclass
class Group:
    """Those that have something in common."""

    value: str
    label: str = ""
    """As the newest of them calls it."""
    record: TrackRecord = field(default_factory=TrackRecord)


@dataclass(kw_only=True)
class Totals:
    """Of one kind and one currency; money in that currency, `ai_cost_usd` in US dollars."""

    kind: Kind
    currency: str
    record: TrackRecord = field(default_factory=TrackRecord)
    gross: Decimal = ZERO
    commission: Decimal = ZERO
    slippage: Decimal = ZERO
    """Of the entries, against the prices at which they were decided."""
    ai_cost_usd: Decimal = ZERO
    held: timedelta = timedelta()
    unpriced: int = 0
    """Closed ones whose result is not known: they are in no sum."""
    groups: dict[str, Group] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)

    def add(self, entry: Entry, by: Grouping) -> None:
        figures = entry.figures
        net, closed_at = figures.net, entry.closed_at
        if net is None or figures.gross is None or closed_at is None:
            self.unpriced += 1
            return
        self.record.add(net, figures.net_r)
        value, label = group_of(entry, by)
        group = self.groups.setdefault(value, Group(value))
        group.label = label
        group.record.add(net, figures.net_r)
        self.gross += figures.gross
        self.commission += figures.commission
        self.slippage += figures.slippage_money or ZERO
        self.ai_cost_usd += entry.ai_cost_usd or ZERO
        self.held += figures.held or timedelta()
        self.points.append(
            Point(
                id=entry.id,
                symbol=entry.symbol,
                closed_at=closed_at,
                net=net,
                total=self.record.net,
                net_r=figures.net_r,
                mae_r=figures.mae_r,
                mfe_r=figures.mfe_r,
            )
        )

    @property
    def net_of_ai(self) -> Decimal | None:
        """None in a currency that the models are not paid in."""
        return self.record.net - self.ai_cost_usd if self.currency == "USD" else None

    @property
    def average_held(self) -> timedelta | None:
        return self.held / self.record.count if self.record.count else None

    @property
    def average_commission(self) -> Decimal | None:
        return over(self.commission, Decimal(self.record.count))

    @property
    def running_sum(self) -> list[Decimal]:
        return [ZERO, *(point.total for point in self.points)]

    @property
    def is_few(self) -> bool:
        return self.record.count < FEW


def sum_up(entries: Iterable[Entry], by: Grouping = "strategy") -> Sequence[Totals]:
    """Give closed ones in the order of their close; live money comes first, simulated last."""
    found: dict[tuple[Kind, str], Totals] = {}
    for entry in entries:
        key = entry.kind, entry.currency
        totals = found.setdefault(key, Totals(kind=entry.kind, currency=entry.currency))
        totals.add(entry, by)
    order = list(Kind)
    return sorted(found.values(), key=lambda each: (order.index(each.kind), each.currency))


def group_of(entry: Entry, by: Grouping) -> tuple[str, str]:
    """The value that it is grouped by, and how a person reads that."""
    if by == "strategy":
        return str(entry.strategy_id), entry.strategy_name
    if by == "month":
        month = "" if entry.closed_at is None else f"{entry.closed_at:%Y-%m}"
        return month, month
    if by == "exit_reason":
        return entry.exit_reason or "", exit_words(entry.exit_reason)
    return (entry.side, entry.direction) if by == "side" else (entry.symbol, entry.symbol)
