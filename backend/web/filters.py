"""What the filters of every list share: forms that send empty fields, and days as bounds."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class FormQuery(BaseModel):
    """A form sends what was left empty too; empty is "any"."""

    model_config = ConfigDict(extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _drop_empty(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        stripped = {
            name: value.strip() if isinstance(value, str) else value
            for name, value in given.items()
        }
        return {name: value for name, value in stripped.items() if value != ""}


def start_of(day: date | datetime | None, *, days_later: int = 0) -> datetime | None:
    """A moment is taken as it is; a day begins in UTC. None where no later day can be told."""
    if isinstance(day, datetime) or day is None:
        return day
    if day.year >= 9999:
        return None
    return datetime.combine(day + timedelta(days=days_later), time.min, UTC)
