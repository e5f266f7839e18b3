"""Jinja templates with the filters that pages share; times are shown in UTC and in a zone."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import Request
from fastapi.templating import Jinja2Templates

FRONTEND = Path(__file__).parents[2] / "frontend"


def _standing(request: Request) -> dict[str, Any]:
    """Every page says which account it speaks of; None is a database that is away."""
    return {"standing": request.app.state.standing()}


templates = Jinja2Templates(directory=FRONTEND / "templates", context_processors=[_standing])


def _moment(moment: datetime | None, zone: str = "UTC") -> str:
    return (
        "-"
        if moment is None
        else moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S %Z")
    )


def _bar_time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _number(value: Any, digits: int = 4) -> str:
    """A number as a person reads it: thousands apart, no trailing zeros."""
    if value is None or value == "":
        return "-"
    text = f"{Decimal(str(value)):,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _pretty_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


templates.env.filters |= {
    "moment": _moment,
    "bar_time": _bar_time,
    "seconds": _seconds,
    "number": _number,
    "pretty_json": _pretty_json,
}
