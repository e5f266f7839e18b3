"""
Plain cron in an IANA zone, optionally on an exchange's sessions alone.

Which local minutes match is croniter's decision; what happens when the clocks change is ours,
because croniter fires `30 1 * * *` twice in the autumn night that has 01:30 twice:

* A cron line whose hour field matches every hour is an **interval** and follows real time:
  `*/15 * * * *` fires every 15 minutes through both changes. Local times that a spring gap
  skips are not made up for, those that an autumn overlap repeats fire both times.
* Any other line names a **time of day**. A local time that does not exist fires once, at the first
  valid moment after the gap (02:30 in New York's spring night: 03:00); one that exists twice
  fires once, at its first occurrence. Times that fall on the same moment fire once.

On an exchange's sessions: a moment counts when its date in the exchange's zone has a session.
"""

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import product
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, CroniterError, croniter

from backend.core.errors import InvalidInput
from backend.exchange import calendars

_FIELDS = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day": "1 to 31",
    "month": "1 to 12 or jan to dec",
}
_FIELDS |= {"weekday": "0 (Sunday) to 6, or sun to sat"}
_DAY = timedelta(days=1)
# croniter's H and R stand for a random minute, another one in each process.
_RANDOM = re.compile(r"(^|,)[hr](\(|/|$)", re.IGNORECASE)
_LARGEST_STEP = (59, 23, 31, 12, 7)


@dataclass(frozen=True, eq=False)
class Cron:
    """A line that `parse` has accepted; compared by identity, since `parse` keeps it."""

    line: str
    zone: ZoneInfo
    exchange: str | None
    """The code of the calendar whose sessions alone count, or None for every day."""
    is_interval: bool
    minutes: tuple[int, ...]
    """The matching minutes of a day, 0 to 1439, in order."""
    days: str
    """The fields day, month and weekday."""


@lru_cache(maxsize=4096)
def parse(line: str, timezone: str, exchange: str | None) -> Cron:
    """
    Raises `InvalidInput` that names the field at fault, `UnknownName` for the exchange, and
    `ZoneInfoNotFoundError` for the zone.
    """
    fields = line.split()
    if len(fields) != len(_FIELDS):
        raise InvalidInput(
            f"A cron line has five fields (minute hour day month weekday) such as '30 15 * * 1-5',"
            f" but {line!r} has {len(fields)}; a phrase such as '30 minutes before NYSE close' will"
            " do as well."
        )
    for position, (name, text) in enumerate(zip(_FIELDS, fields, strict=True)):
        _check_field(position, name, text)
    minutes, hours = (_values(text, position) for position, text in enumerate(fields[:2]))
    return Cron(
        line=line,
        zone=ZoneInfo(timezone),
        exchange=None if exchange is None else calendars.code_of(exchange),
        is_interval=len(hours) == 24,
        minutes=tuple(hour * 60 + minute for hour, minute in product(hours, minutes)),
        days=" ".join(fields[2:]),
    )


def next_moment(cron: Cron, after: datetime) -> datetime | None:
    """
    The first moment strictly after `after`, in UTC.

    None when there is none: an impossible date such as 30 February, or on an exchange behind
    the last session that its calendar knows.
    """
    after_s = after.timestamp()
    # One day back: where a clock goes back over midnight, yesterday has moments still to come.
    day = _matching_day(cron.days, after.astimezone(cron.zone).date() - _DAY)
    while day is not None and not _is_behind(cron, day):
        following = _matching_day(cron.days, day + _DAY)
        found = _first_after(_moments(cron, day), after_s)
        if found is not None:
            # For the same reason moments of two neighbouring days may interleave.
            if following == day + _DAY:
                found = min(found, _first_after(_moments(cron, following), after_s) or found)
            return datetime.fromtimestamp(found, UTC)
        day = following
    return None


@lru_cache(maxsize=4096)
def _check_field(position: int, name: str, text: str) -> None:
    line = " ".join(text if index == position else "*" for index in range(len(_FIELDS)))
    problem = ""
    try:
        croniter.expand(line)
    except CroniterError:
        problem = f"goes from {_FIELDS[name]}"
    if _RANDOM.search(text):
        problem = "cannot be random; name the minute"
    for step in re.findall(r"/(\d+)", text):
        if int(step) > _LARGEST_STEP[position]:
            problem = f"goes from {_FIELDS[name]}, so a step of {step} never comes round"
    if problem:
        raise InvalidInput(f"The {name} field of the cron line is {text!r}, but it {problem}.")


@lru_cache(maxsize=4096)
def _values(text: str, position: int) -> tuple[int, ...]:
    """What a minute or hour field matches."""
    line = " ".join(text if index == position else "*" for index in range(len(_FIELDS)))
    expanded = croniter.expand(line)[0][position]
    matching = range((60, 24)[position]) if expanded == ["*"] else sorted(map(int, expanded))
    return tuple(matching)


@lru_cache(maxsize=16_384)
def _matching_day(days: str, on_or_after: date) -> date | None:
    """Looked up without a zone, so that croniter's own idea of clock changes plays no part."""
    just_before = datetime.combine(on_or_after, time()) - timedelta(minutes=1)
    try:
        found: datetime = croniter(f"0 0 {days}", just_before).get_next(datetime)
    except CroniterBadDateError:
        return None
    return found.date()


@lru_cache(maxsize=4096)
def _moments(cron: Cron, day: date) -> tuple[int, ...]:
    """When the line fires on that local date, in seconds since 1970, in order."""
    midnight = datetime.combine(day, time(), cron.zone)
    if midnight.utcoffset() == (midnight + 2 * _DAY).utcoffset() == (midnight - _DAY).utcoffset():
        start = int(midnight.timestamp())
        moments = [start + 60 * minute for minute in cron.minutes]
    else:
        naive = datetime.combine(day, time())
        moments = [
            moment
            for minute in cron.minutes
            for moment in _around_a_change(cron, naive + timedelta(minutes=minute))
        ]
    if cron.exchange is not None:
        moments = _on_sessions(calendars.calendar(cron.exchange), moments)
    return tuple(sorted(set(moments)))


def _around_a_change(cron: Cron, local: datetime) -> list[int]:
    """The moments that a local time stands for in a zone whose clocks may be changing."""
    first = int(local.replace(tzinfo=cron.zone, fold=0).timestamp())
    second = int(local.replace(tzinfo=cron.zone, fold=1).timestamp())
    if first <= second:
        return [first, second] if cron.is_interval else [first]
    # PEP 495: within a gap, fold 1 is read before the change and fold 0 after it.
    return [] if cron.is_interval else [_change_between(cron.zone, second, first)]


def _change_between(zone: ZoneInfo, before: int, after: int) -> int:
    """The second at which the zone's offset changes."""
    old = datetime.fromtimestamp(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.fromtimestamp(middle, zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def _on_sessions(calendar: calendars.Calendar, moments: list[int]) -> list[int]:
    dates = calendar.row_of_date
    return [
        moment
        for moment in moments
        if datetime.fromtimestamp(moment, calendar.zone).date() in dates
    ]


def _first_after(moments: tuple[int, ...], after_s: float) -> int | None:
    index = bisect_right(moments, after_s)
    return moments[index] if index < len(moments) else None


def _is_behind(cron: Cron, day: date) -> bool:
    """Whether a local date lies behind the last session that the exchange's calendar knows."""
    return cron.exchange is not None and day > calendars.calendar(cron.exchange).last_date + _DAY


def explain(cron: Cron) -> str:
    """In plain words, without a full stop."""
    minute, hour, *days = cron.line.split()
    where = f"{_clock(cron, minute, hour)} ({cron.zone.key}){_days(*days)}"
    return where + (f", when {cron.exchange} has a session" if cron.exchange else "")


def _clock(cron: Cron, minute: str, hour: str) -> str:
    if len(cron.minutes) <= 6:
        return "At " + _listed([f"{value // 60:02}:{value % 60:02}" for value in cron.minutes])
    if minute in ("*", "*/1"):
        each = "Every minute"
    elif minute.startswith("*/") and 60 % int(minute[2:]) == 0:
        each = f"Every {minute[2:]} minutes"
    else:
        each = f"At minute {_listed([str(value) for value in _values(minute, 0)])}"
    return each + (" of every hour" if cron.is_interval else f" of the hours {hour}")


def _days(day: str, month: str, weekday: str) -> str:
    """Cron's own rule: with both a day and a weekday given, either will do."""
    chosen = [f"day {day} of the month"] if day not in "*?" else []
    if weekday not in "*?":
        chosen.append(_DAY_WORDS.get(weekday.lower(), f"weekday {weekday} (0 is Sunday)"))
    months = f" in month {month}" if month != "*" else ""
    return (" on " + " or ".join(chosen) if chosen else " every day") + months


_DAY_WORDS = dict.fromkeys(("1-5", "mon-fri"), "Monday to Friday") | {
    key: f"{name}s"
    for number, name in enumerate(
        ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
    )
    for key in (str(number), name[:3].lower())
}


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
