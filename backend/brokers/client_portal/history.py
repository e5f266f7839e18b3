"""
History of any length, out of windows of less than 1000 bars.

Which bars go with which period, and what the gateway does with the rest, is IBKR's table
("Market Data Historical Request": step size); a bar that does not fit is silently replaced by
another, so the answer's `barLength` is checked.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from backend.brokers.base import Bar, History
from backend.brokers.client_portal import endpoints
from backend.brokers.client_portal.answers import NO_DATA
from backend.brokers.client_portal.client import Call
from backend.brokers.client_portal.parsing import required_integer, required_number
from backend.brokers.client_portal.session import GatewaySession
from backend.core.clock import from_ms, to_ms
from backend.core.errors import OutsideError
from backend.core.values import Timeframe

MOST_POINTS = 1000


@dataclass(frozen=True)
class _Window:
    """The periods in which one bar may be asked for, in calendar days."""

    least: int
    most: int
    name: str
    """The period of `most` days in the gateway's words."""


_DAY = _Window(1, 1, "1d")
_WEEK = _Window(1, 7, "1w")
_QUARTER = _Window(1, 90, "3m")
_WINDOWS = {
    Timeframe.MIN_1: _DAY,
    Timeframe.MIN_2: _DAY,
    Timeframe.MIN_3: _DAY,
    Timeframe.MIN_5: _DAY,
    Timeframe.MIN_10: _WEEK,
    Timeframe.MIN_15: _WEEK,
    Timeframe.MIN_30: _WEEK,
    Timeframe.HOUR_1: _Window(1, 30, "1m"),
    Timeframe.HOUR_2: _QUARTER,
    Timeframe.HOUR_3: _QUARTER,
    Timeframe.HOUR_4: _Window(1, 180, "6m"),
    Timeframe.HOUR_8: _Window(1, 365, "1y"),
    Timeframe.DAY: _Window(7, 1095, "3y"),
    Timeframe.WEEK: _Window(30, 5475, "15y"),
    Timeframe.MONTH: _Window(60, 5475, "15y"),
}


def read(
    session: GatewaySession, conid: int, timeframe: Timeframe, *, start: datetime, end: datetime
) -> History:
    """Walks back from `end`, window by window, until `start` is covered."""
    first, last = to_ms(start), to_ms(end)
    bars: dict[int, Bar] = {}
    is_delayed = False
    cursor = last
    while cursor > first:
        days, period = _period(timeframe, cursor - first)
        answer = _ask(session, conid, timeframe, period, from_ms(cursor))
        is_delayed |= "D" in str(answer.get("mdAvailability", ""))
        page = _bars(answer, timeframe)
        bars.update({bar.time: bar for bar in page if first <= bar.time < last})
        # An empty window lies in a holiday or before the listing: the search goes on before it.
        step_back = cursor - int(timedelta(days=days).total_seconds() * 1000)
        cursor = min((bar.time for bar in page if bar.time < cursor), default=step_back)
    return History(bars=tuple(bars[time] for time in sorted(bars)), is_delayed=is_delayed)


def _period(timeframe: Timeframe, span_ms: int) -> tuple[int, str]:
    """The shortest period that covers the span if it may; its length in days, and its name."""
    window = _WINDOWS[timeframe]
    days = max(window.least, -(-span_ms // 86_400_000))
    if days >= window.most:
        return window.most, window.name
    # The gateway counts trading days; if it should count others, the walk takes one step more.
    trading_days = min(days, days * 5 // 7 + 3)
    return days, f"{trading_days}d" if trading_days < MOST_POINTS else window.name


def _ask(
    session: GatewaySession, conid: int, timeframe: Timeframe, period: str, until: datetime
) -> dict[str, Any]:
    params = {
        "conid": str(conid),
        "period": period,
        "bar": timeframe.value,
        "outsideRth": "false",
        "startTime": until.strftime("%Y%m%d-%H:%M:%S"),
        "direction": "-1",
    }
    try:
        return session.read_object(Call(endpoint=endpoints.HISTORY, params=params))
    except OutsideError as error:
        if NO_DATA in error.message:
            return {"data": []}
        raise


def _bars(answer: dict[str, Any], timeframe: Timeframe) -> list[Bar]:
    _check(answer, timeframe)
    factor = required_number(answer.get("volumeFactor", 1), "volumeFactor")
    return [_bar(point, factor) for point in answer.get("data", [])]


def _check(answer: dict[str, Any], timeframe: Timeframe) -> None:
    points, length = len(answer.get("data", [])), answer.get("barLength")
    if points >= MOST_POINTS:
        raise OutsideError(
            f"The gateway sent {points} bars of {timeframe} at once, where it may have cut some"
            " off; nothing is used of it.",
            code="bad_answer",
        )
    # Weeks and months have no length that everybody agrees on.
    is_exact = timeframe.is_intraday or timeframe is Timeframe.DAY
    if is_exact and length is not None and int(length) != timeframe.seconds:
        raise OutsideError(
            f"The gateway sent bars of {length} s where {timeframe} was asked for.",
            code="bad_answer",
        )


def _bar(point: dict[str, Any], volume_factor: Decimal) -> Bar:
    return Bar(
        time=required_integer(point.get("t"), "a bar's time"),
        open=required_number(point.get("o"), "a bar's open"),
        high=required_number(point.get("h"), "a bar's high"),
        low=required_number(point.get("l"), "a bar's low"),
        close=required_number(point.get("c"), "a bar's close"),
        volume=required_number(point.get("v", 0), "a bar's volume") * volume_factor,
    )
