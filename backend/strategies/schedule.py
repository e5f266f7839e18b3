"""
When a strategy is due: a cron line in its own zone, or a phrase about an exchange's session.

Clock changes: a local time that a spring gap skips fires once, at the first valid moment after the
gap; one that an autumn overlap repeats fires once, at its first occurrence; lines that match every
hour (`*/15 * * * *`) follow real time (see `exchange.cron`). Phrases count in real time from the
session's own open or close, so they follow half days and know no clock change.
"""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Literal
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from backend.core.errors import InvalidInput, did_you_mean
from backend.exchange import calendars, cron, phrase

# Beat looks once a minute and a message waits a moment in the queue: that much is on time.
PUNCTUAL = timedelta(minutes=2)
_BEGINNING = datetime.fromisoformat(calendars.FIRST_DAY).replace(tzinfo=UTC)


class Schedule(BaseModel):
    """Valid only if it can ever fire; each error is a sentence that names field and mend."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    when: str = Field(
        max_length=200,
        description="Cron (minute hour day month weekday), or '30 minutes before NYSE close'.",
    )
    timezone: str = Field("UTC", description="IANA zone that a cron line is read in.")
    exchange: str | None = Field(
        None, description="A cron line fires only on days when this exchange has a session."
    )
    missed: Literal["skip", "run"] = Field(
        "skip", description="A due time that could not be served: drop it, or run it late."
    )
    run_if_late_minutes: int = Field(
        30, ge=1, le=10_080, description="With `run`: at most this many minutes late."
    )

    @field_validator("when")
    @classmethod
    def _tidy(cls, when: str) -> str:
        return " ".join(when.split())

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        if name not in _zones():
            hint = did_you_mean(name, _zones())
            raise _problem(
                f"timezone: no time zone is named {name!r}."
                f"{hint or ' Use an IANA name such as America/New_York.'}"
            )
        return name

    @field_validator("exchange")
    @classmethod
    def _is_an_exchange(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                calendars.calendar(name)
            except InvalidInput as error:
                raise _problem(f"exchange: {error.message}") from None
        return name

    @model_validator(mode="after")
    def _can_fire(self) -> "Schedule":
        try:
            _check(self)
        except InvalidInput as error:
            raise _problem(f"when: {error.message}") from None
        return self


def next_due(schedule: Schedule, after: datetime) -> datetime | None:
    """
    The first due time strictly after `after`, in UTC.

    None only behind the last session that the exchange's calendar knows.
    """
    if phrase.looks_like_one(schedule.when):
        return phrase.next_moment(phrase.parse(schedule.when), after)
    return cron.next_moment(_cron(schedule), after)


def upcoming(schedule: Schedule, after: datetime, count: int = 5) -> list[datetime]:
    """The next `count` due times; fewer only at the end of a calendar."""
    found: list[datetime] = []
    while len(found) < count and (due := next_due(schedule, after)) is not None:
        found.append(due)
        after = due
    return found


def latest_start(schedule: Schedule, due_at: datetime) -> datetime:
    """Until when the missed-run policy lets a due time be served."""
    if schedule.missed == "run":
        return due_at + max(PUNCTUAL, timedelta(minutes=schedule.run_if_late_minutes))
    return due_at + PUNCTUAL


def is_missed(schedule: Schedule, due_at: datetime, now: datetime) -> bool:
    """Whether a due time is later than the policy bears, and is to be skipped."""
    return now > latest_start(schedule, due_at)


def newest_due(
    schedule: Schedule, first: datetime, now: datetime
) -> tuple[datetime, datetime | None]:
    """
    Which due time from `first` to `now` is to be served, and the first one after `now`.

    After an outage that is the newest: it may be in time by the missed-run policy where older ones
    are not, and one decision on today's prices is enough. When none is in time it is `first`.
    """
    bears = latest_start(schedule, now) - now
    newest = first
    following = next_due(schedule, max(first, now - bears - timedelta(microseconds=1)))
    while following is not None and following <= now:
        newest, following = following, next_due(schedule, following)
    return newest, following


def exchange_of(schedule: Schedule) -> str | None:
    """The calendar whose sessions the schedule follows, if it follows any."""
    if phrase.looks_like_one(schedule.when):
        return phrase.parse(schedule.when).exchange
    return schedule.exchange


def explain(schedule: Schedule) -> str:
    """The schedule and its missed-run policy in two plain sentences."""
    late = "A due time that could not be served is skipped."
    if schedule.missed == "run":
        late = (
            f"If it could not be served it runs up to {schedule.run_if_late_minutes} minutes late."
        )
    return f"{explain_when(schedule)}. {late}"


def explain_when(schedule: Schedule) -> str:
    """When it is due, in plain words, without a full stop."""
    if phrase.looks_like_one(schedule.when):
        return phrase.explain(phrase.parse(schedule.when))
    return cron.explain(_cron(schedule))


@cache
def _zones() -> frozenset[str]:
    # Walks the whole zone database: 8 ms.
    return frozenset(available_timezones())


def _cron(schedule: Schedule) -> cron.Cron:
    return cron.parse(schedule.when, schedule.timezone, schedule.exchange)


def _check(schedule: Schedule) -> None:
    """Raises `InvalidInput` for what is neither a phrase nor a cron line, or can never fire."""
    if phrase.looks_like_one(schedule.when):
        _check_phrase(schedule)
    elif cron.next_moment(_cron(schedule), _BEGINNING) is None:
        where = f" with a session of {schedule.exchange}" if schedule.exchange else ""
        raise InvalidInput(
            f"{schedule.when!r} never fires, because no date{where} matches its day, month and"
            " weekday; choose a day that comes."
        )


def _check_phrase(schedule: Schedule) -> None:
    named = phrase.parse(schedule.when).exchange
    calendars.calendar(named)
    if schedule.exchange is not None and calendars.code_of(schedule.exchange) != named:
        raise InvalidInput(
            f"{schedule.when!r} already names its exchange; leave `exchange` empty instead of"
            f" {schedule.exchange!r}."
        )


def _problem(sentence: str) -> PydanticCustomError:
    # The sentence as a value, not as the template: it may quote a user's braces.
    return PydanticCustomError("schedule", "{sentence}", {"sentence": sentence})
