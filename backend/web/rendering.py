"""Jinja templates with what all pages share: the request's context, filters."""

from collections.abc import Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

import orjson
from fastapi.templating import Jinja2Templates
from markupsafe import Markup
from starlette.requests import Request

from backend.core.settings import settings
from backend.web.assets import FRONTEND, plotly_map_styles, static
from backend.web.comparing import compare_lines
from backend.web.flash import flashed
from backend.web.json_tree import json_tree

_STYLES = {"full": "%Y-%m-%d %H:%M:%S %Z", "date": "%Y-%m-%d", "time": "%H:%M %Z"}
_csrf: ContextVar[str] = ContextVar("csrf", default="")


def _of_request(request: Request) -> dict[str, Any]:
    """
    What every page may show: who asks, which account it speaks of (None: database away), which
    kill switches are pulled, and how many orders wait for an answer.

    The token against forged writes goes where macros reach it too: those see globals, not this.
    """
    _csrf.set(getattr(request.state, "csrf_token", ""))
    return {
        "person": getattr(request.state, "person", None),
        "standing": request.app.state.standing(),
        "pulled": request.app.state.halts(),
        "approvals_waiting": request.app.state.approvals_waiting(),
        "flash": flashed(request),
        "simulated_time": settings().simulated_time,
    }


templates = Jinja2Templates(directory=FRONTEND / "templates", context_processors=[_of_request])


def _moment(
    moment: datetime | None, zone: str = "UTC", style: Literal["full", "date", "time"] = "full"
) -> str:
    return "-" if moment is None else moment.astimezone(ZoneInfo(zone)).strftime(_STYLES[style])


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _from_iso(text: str | None) -> datetime | None:
    """A moment as facts and records hold it."""
    return datetime.fromisoformat(text) if text else None


def _bar_time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _seconds(seconds: float | None) -> str:
    """A duration as a person reads it: 12 ms, 3.4 s, 2 min 5 s, 3 h 10 min, 2 d 4 h."""
    if seconds is None:
        return "-"
    if seconds < 60:
        return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
    for unit, smaller, size in (("d", "h", 86_400), ("h", "min", 3_600), ("min", "s", 60)):
        if seconds >= size:
            whole, rest = divmod(int(seconds), size)
            part = rest // {"h": 3_600, "min": 60, "s": 1}[smaller]
            return f"{whole} {unit} {part} {smaller}" if part else f"{whole} {unit}"
    return "-"


def _number(value: Any, digits: int = 4) -> str:
    """A number as a person reads it: thousands apart, no trailing zeros."""
    if value is None or value == "":
        return "-"
    text = f"{Decimal(str(value)):,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _money(value: Any, currency: str = "USD", digits: int = 2) -> str:
    """An amount with its currency; dollars by their sign."""
    if value is None or value == "":
        return "-"
    amount = Decimal(str(value))
    sign = "-" if amount < 0 else ""
    text = f"{abs(amount):,.{digits}f}"
    return f"{sign}${text}" if currency == "USD" else f"{sign}{text} {currency}"


def _percent(fraction: Any, digits: int = 1) -> str:
    """A fraction as per cent: 0.25 is 25 %."""
    return "-" if fraction is None else f"{float(fraction) * 100:.{digits}f} %"


def _pretty_json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _json_for_script(value: Any) -> Markup:
    """JSON that may stand inside a script element: nothing in it can end the element."""
    text = orjson.dumps(value, default=str).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _polylines(values: Sequence[float | None], width: float, height: float) -> list[str]:
    """The points of each unbroken run of values, scaled to fill the box with a margin of 2."""
    known = [value for value in values if value is not None]
    if not known:
        return []
    low, high = min(known), max(known)
    step, scale = width / max(1, len(values) - 1), (height - 4) / ((high - low) or 1)
    runs: list[list[str]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{index * step:.1f},{height - 2 - (value - low) * scale:.1f}")
    return [" ".join(points) for points in runs if points]


templates.env.filters |= {
    "moment": _moment,
    "iso": _iso,
    "from_iso": _from_iso,
    "bar_time": _bar_time,
    "seconds": _seconds,
    "number": _number,
    "money": _money,
    "percent": _percent,
    "pretty_json": _pretty_json,
    "json_for_script": _json_for_script,
    "json_tree": json_tree,
    "polylines": _polylines,
    "compare_lines": compare_lines,
}
templates.env.globals |= {
    "static": static,
    "csrf_of_request": _csrf.get,
    "plotly_map_styles": plotly_map_styles,
}
templates.env.trim_blocks = templates.env.lstrip_blocks = True
