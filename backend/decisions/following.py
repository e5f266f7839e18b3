"""Looks at what the market did after each decision, as its bars close; fetches what is missing."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from pydantic import TypeAdapter
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from backend.brokers.base import Contract
from backend.core.clock import Clock, from_ms, to_ms
from backend.core.database import transaction
from backend.core.errors import AppError, SessionDown, TemporaryError
from backend.core.logging import get_logger
from backend.core.values import Bars, IntArray
from backend.decisions.models import Decision
from backend.decisions.results import (
    HORIZONS,
    Decided,
    Results,
    due_closes,
    results,
    scale_of,
)
from backend.exchange import calendars
from backend.exchange.calendars import Calendar
from backend.exchange.sessions import expected_starts
from backend.market import series
from backend.trading.signal import Action
from backend.workflow.steps.base import MarketData

logger = get_logger(__name__)

AT_ONCE = 500
MOST_SERIES = 5
"""So many series are fetched in one round; a broker gives few history calls a minute."""
MOST_BARS = 1_000
PATIENCE = timedelta(days=30)
"""Bars that have not come this long after their close will not be asked for any more."""
AGAIN = timedelta(hours=1)
_CONTRACT = TypeAdapter(Contract)


@dataclass(frozen=True)
class _Stored:
    """What the market store holds for one series, from the first bar that a decision needs."""

    bars: Bars
    from_ms: int
    to_ms: int


def follow(market: MarketData, clock: Clock) -> int:
    """
    Look at the decisions whose next bar has closed; returns how many came to something new.

    Raises `SessionDown` and `TemporaryError` when the broker is away; what needs no broker is done
    by then, and the rest stays due.
    """
    now, changed = clock.now(), 0
    lacking = []
    for key, group in _groups(_due(now)):
        stored = _read(key, group)
        if _lacks(group, stored, now):
            lacking.append((key, group))
        else:
            changed += _keep(group, stored, now)
    for key, group in lacking[:MOST_SERIES]:
        if _fetch(market, group, now):
            changed += _keep(group, _read(key, group), now)
        else:
            _look_again(group, now)
    return changed


def _groups(decisions: list[Decision]) -> Iterator[tuple[series.Key, list[Decision]]]:
    """The decisions of each series, so that one call brings the bars of all."""
    for (conid, timeframe), group in groupby(decisions, key=lambda d: (d.conid, d.timeframe)):
        yield series.Key(conid, timeframe), list(group)


def _due(now: datetime) -> list[Decision]:
    query = select(Decision).where(Decision.next_look_at <= now).order_by(Decision.next_look_at)
    with transaction() as session:
        found = list(session.scalars(query.limit(AT_ONCE)))
    return sorted(found, key=lambda each: (each.conid, each.timeframe.value, each.as_of))


def _read(key: series.Key, group: Sequence[Decision]) -> _Stored:
    first = min(each.last_bar_time for each in group)
    with transaction() as session:
        stretch = series.stretch(session, key)
        bars = series.bars_from(session, key, first)
    if stretch is None:
        return _Stored(bars, 0, 0)
    return _Stored(bars, stretch.from_ms, stretch.to_ms)


def _lacks(group: Sequence[Decision], stored: _Stored, now: datetime) -> bool:
    """Whether a bar has closed lately that one of these waits for and the store does not hold."""
    for each in group:
        due = due_closes(_calendar(each), each.timeframe, each.as_of)
        closed = due[due <= to_ms(now)]
        if len(closed) and now - from_ms(int(closed[-1])) < PATIENCE:
            is_there = stored.from_ms <= each.last_bar_time and stored.to_ms >= closed[-1]
            if not is_there:
                return True
    return False


def _fetch(market: MarketData, group: Sequence[Decision], now: datetime) -> bool:
    """Complete the series up to now, as any execution would; False where the broker said no."""
    first = group[0]
    calendar = _calendar(first)
    since = from_ms(min(each.last_bar_time for each in group))
    count = min(len(expected_starts(calendar, first.timeframe, since, now)) + 1, MOST_BARS)
    contract = _CONTRACT.validate_python(first.contract)
    try:
        market.bars(contract, first.timeframe, count, now)
    except (SessionDown, TemporaryError):
        raise
    except AppError as error:
        logger.warning("bars_after_decision", symbol=first.symbol, code=error.code)
        return False
    return True


def _look_again(group: Sequence[Decision], now: datetime) -> None:
    """Later, or never where the bars are long overdue."""
    with transaction() as session:
        for each in group:
            _write(session, each, {"next_look_at": _later(each, now)})


def _later(decision: Decision, now: datetime) -> datetime | None:
    return None if now - decision.as_of > 2 * PATIENCE else now + AGAIN


def _keep(group: Sequence[Decision], stored: _Stored, now: datetime) -> int:
    changed = 0
    with transaction() as session:
        for each in group:
            values = look(each, stored.bars, stored.from_ms, stored.to_ms, now)
            changed += values.get("bars_after", each.bars_after) != each.bars_after
            _write(session, each, values)
    return changed


def look(decision: Decision, bars: Bars, from_ms: int, to_ms: int, now: datetime) -> dict[str, Any]:
    """What the stored bars, complete from one moment to another, say about this decision."""
    calendar = _calendar(decision)
    due = due_closes(calendar, decision.timeframe, decision.as_of)
    bars = _between(bars, decision.last_bar_time, int(due[-1]) if len(due) else 0)
    scale = scale_of(bars, decision.last_bar_time, float(decision.last_close))
    if scale is None or from_ms > decision.last_bar_time:
        return {"next_look_at": _later(decision, now)}
    found = results(decided(decision), bars, calendar, known_until=to_ms, scale=scale)
    return {**_columns(found), "next_look_at": _next_look(decision, due, found, now)}


def _between(bars: Bars, start_ms: int, end_ms: int) -> Bars:
    first, end = np.searchsorted(bars.time, [start_ms, end_ms])
    return bars[int(first) : int(end)]


def decided(decision: Decision) -> Decided:
    is_trade = decision.action is not Action.HOLD and decision.entry is not None
    nearest = decision.targets[0] if is_trade and decision.targets else None
    return Decided(
        as_of=decision.as_of,
        sign=-1 if decision.action is Action.SELL else 1,
        price=float(decision.entry if is_trade and decision.entry else decision.last_close),
        stop=float(decision.stop) if is_trade and decision.stop is not None else None,
        target=float(nearest) if nearest is not None else None,
    )


def _columns(found: Results) -> dict[str, Any]:
    returns = {f"after_{horizon}": found.returns.get(horizon) for horizon in HORIZONS}
    touch = found.touch
    return {
        "bars_after": found.bars,
        **returns,
        "touched": touch and touch.what,
        "touched_bar": touch and touch.bar,
        "touch_is_ambiguous": bool(touch and touch.is_ambiguous),
    }


def _next_look(decision: Decision, due: IntArray, found: Results, now: datetime) -> datetime | None:
    if found.bars >= len(due):
        return None
    following = from_ms(int(due[found.bars])) + timedelta(minutes=1)
    return following if following > now else _later(decision, now)


def _calendar(decision: Decision) -> Calendar:
    return calendars.calendar(decision.contract["calendar"])


def _write(session: Session, decision: Decision, values: dict[str, Any]) -> None:
    session.execute(
        update(Decision).where(Decision.execution_id == decision.execution_id).values(values)
    )
