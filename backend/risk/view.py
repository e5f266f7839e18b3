"""Limits beside what was measured of them last, for the risk page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from backend.exchange import calendars
from backend.executions.journal import DatabaseJournal
from backend.portfolio import equity, limits
from backend.portfolio.models import EquitySnapshot, LimitsVersion
from backend.risk import limits_text
from backend.strategies import service as strategies
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Strategy
from backend.trading.limits import Limits, in_order
from backend.trading.oversight import EquityHistory, PastOrder
from backend.workflow.steps.preflight import DEFAULT_CALENDAR

Measures = Mapping[str, Decimal]


@dataclass(frozen=True, kw_only=True)
class Row:
    """One limit that is set; `used` is None where it is measured for each order alone."""

    name: str
    label: str
    allowed: str
    meaning: str
    used: Decimal | None
    limit: Decimal | None
    measured: str

    @property
    def share(self) -> Decimal:
        return self.used / self.limit if self.used is not None and self.limit else Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Level:
    title: str
    account: str
    version: LimitsVersion | None
    rows: Sequence[Row]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """An account as it was looked at last."""

    snapshot: EquitySnapshot
    history: EquityHistory
    measures: Measures

    @property
    def drawdown(self) -> Decimal:
        return self.measures["max_drawdown"]


@dataclass(frozen=True, kw_only=True)
class Own:
    """A strategy, and the limits that it sets itself."""

    id: int
    name: str
    is_enabled: bool
    sizing: str
    limits: Sequence[tuple[str, str]]


def seen(session: Session, now: datetime, orders: Sequence[PastOrder]) -> list[Seen]:
    """`orders` are those of today."""
    found = []
    for account in equity.accounts(session):
        snapshot = equity.newest(session, account)
        history = equity.history(session, account, now)
        if snapshot is not None and history is not None:
            sent = sum(order.account in (account, None) for order in orders)
            measures = _measures(snapshot, history) | {"max_orders_per_day": Decimal(sent)}
            found.append(Seen(snapshot=snapshot, history=history, measures=measures))
    return found


def levels(
    session: Session, accounts: Iterable[str], looked: Sequence[Seen], orders: Sequence[PastOrder]
) -> list[Level]:
    """Everything first, measured by the account nearest to each limit; then each account."""
    by_account = {each.snapshot.account: each.measures for each in looked}
    worst = _worst(by_account.values()) | {"max_orders_per_day": Decimal(len(orders))}
    measured = {limits.EVERYTHING: worst, **by_account}
    titles = {limits.EVERYTHING: "Everything", **{each: f"Account {each}" for each in accounts}}
    return [
        _level(limits.newest(session, account), title, account, measured.get(account, {}))
        for account, title in titles.items()
    ]


def orders_today(now: datetime) -> tuple[PastOrder, ...]:
    """Since midnight in New York, where most limits on a day begin."""
    zone = calendars.calendar(DEFAULT_CALENDAR).zone
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return DatabaseJournal().orders_since(midnight)


def own(session: Session) -> list[Own]:
    return [_own(each) for each in strategies.list_all(session)]


def _own(strategy: Strategy) -> Own:
    risk = StrategyDefinition.stored(strategies.newest(strategy).definition).risk
    named = [name for rule in in_order() for name in rule.settings.model_fields]
    values = [(name, getattr(risk, name)) for name in named]
    return Own(
        id=strategy.id,
        name=strategy.name,
        is_enabled=strategy.is_enabled,
        sizing=f"{risk.sizing}, {limits_text.as_percent(risk.risk_per_trade)} at risk",
        limits=[
            (limits_text.label(name), limits_text.shown(name, value))
            for name, value in values
            if value not in (None, False, ())
        ],
    )


def _level(version: LimitsVersion | None, title: str, account: str, measures: Measures) -> Level:
    found = limits.stored(version)
    values = {name: getattr(found, name) for name in Limits.model_fields}
    rows = [
        _row(name, value, measures.get(name))
        for name, value in values.items()
        if value not in (None, False, ())
    ]
    return Level(title=title, account=account, version=version, rows=rows)


def _row(name: str, value: object, used: Decimal | None) -> Row:
    is_number = isinstance(value, Decimal | int) and not isinstance(value, bool)
    return Row(
        name=name,
        label=limits_text.label(name),
        allowed=limits_text.shown(name, value),
        meaning=limits_text.fields()[name].meaning,
        used=used,
        limit=Decimal(str(value)) if is_number and used is not None else None,
        measured="" if used is None else limits_text.shown(name, round(used, 4)),
    )


def _measures(snapshot: EquitySnapshot, history: EquityHistory) -> dict[str, Decimal]:
    """By the name of the limit; what is not known is left out."""
    peak = max(history.peak, snapshot.equity)
    found = {
        "max_gross_exposure": snapshot.gross_exposure,
        "max_net_exposure": snapshot.net_exposure,
        "max_position_value": snapshot.largest_position,
        "max_open_positions": Decimal(snapshot.open_positions),
        "max_daily_loss": None if snapshot.day_pnl is None else max(-snapshot.day_pnl, Decimal(0)),
        "max_drawdown": (peak - snapshot.equity) / peak if peak > 0 else Decimal(0),
    }
    parts = {
        "max_leverage": snapshot.gross_exposure,
        "max_share_of_equity": snapshot.largest_position,
        "max_share_of_three": snapshot.largest_three,
    }
    if snapshot.equity > 0:
        found |= {
            name: None if worth is None else worth / snapshot.equity
            for name, worth in parts.items()
        }
    return {name: value for name, value in found.items() if value is not None}


def _worst(measures: Iterable[Measures]) -> dict[str, Decimal]:
    worst: dict[str, Decimal] = {}
    for each in measures:
        for name, value in each.items():
            worst[name] = max(value, worst.get(name, value))
    return worst
