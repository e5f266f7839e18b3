"""The time axis: one place per bar, so that nights and weekends leave no gap."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from backend.core.clock import from_ms
from backend.core.values import Bars

MOST_TICKS = 11


def names(bars: Bars, timezone: str) -> list[str]:
    """What each bar is called, each name once: the day, and the time of day within days."""
    written = "%a %d %b %Y %H:%M" if bars.timeframe.is_intraday else "%a %d %b %Y"
    said = [moment.strftime(written) for moment in _moments(bars, timezone)]
    # When clocks go back, an hour has the same name twice; categories must differ.
    seen: dict[str, int] = {}
    for row, name in enumerate(said):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            said[row] = f"{name} ({seen[name]})"
    return said


def ticks(bars: Bars, timezone: str) -> tuple[list[int], list[str]]:
    """Rows to mark and their labels: where a year, a month, a day or an hour begins."""
    moments = _moments(bars, timezone)
    written = ""
    rows: list[int] = []
    for begins, written in _CHOICES:  # noqa: B007  # the last one tried is used below
        rows = [
            row
            for row in range(1, len(moments))
            if begins(moments[row]) != begins(moments[row - 1])
        ]
        if len(rows) >= min(4, len(moments) - 1):
            break
    step = -(-len(rows) // MOST_TICKS) or 1
    chosen = rows[::step]
    return chosen, [_tick(moments[row], moments[row - 1], written) for row in chosen]


def as_of(moment: datetime, timezone: str) -> str:
    return moment.astimezone(ZoneInfo(timezone)).strftime("%d %b %Y %H:%M %Z")


def _moments(bars: Bars, timezone: str) -> list[datetime]:
    zone = ZoneInfo(timezone)
    moments = [from_ms(time) for time in bars.time.tolist()]
    if bars.timeframe.is_intraday:
        return [moment.astimezone(zone) for moment in moments]
    # A day stamped with midnight UTC is that day everywhere, also west of Greenwich.
    return [moment if _is_midnight(moment) else moment.astimezone(zone) for moment in moments]


def _is_midnight(moment: datetime) -> bool:
    return moment.astimezone(UTC).hour == 0 and moment.minute == 0


def _tick(moment: datetime, before: datetime, written: str) -> str:
    """The year stands with its first tick, the day with its first hour."""
    if written == "%b" and moment.year != before.year:
        return f"<b>{moment:%Y}</b>"
    if written == "%H:%M" and moment.date() != before.date():
        return f"<b>{moment:%d %b}</b>"
    return moment.strftime(written)


_CHOICES: tuple[tuple[Any, str], ...] = (
    (lambda moment: moment.year, "%Y"),
    (lambda moment: (moment.year, (moment.month - 1) // 3), "%b %Y"),
    (lambda moment: (moment.year, moment.month), "%b"),
    (lambda moment: moment.isocalendar()[:2], "%d %b"),
    (lambda moment: moment.date(), "%d %b"),
    (lambda moment: (moment.date(), moment.hour), "%H:%M"),
    (lambda moment: moment, "%H:%M"),
)
