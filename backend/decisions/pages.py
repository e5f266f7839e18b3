"""The wall of decisions, its filters and its summary."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from backend.core.database import SessionDep
from backend.core.errors import did_you_mean
from backend.decisions import service
from backend.decisions.cards import Card
from backend.decisions.service import BUCKETS, Filters, Summary
from backend.trading.signal import Action
from backend.web import sessions
from backend.web.live import HubDep, follow_changes, stream
from backend.web.rendering import templates
from backend.web.state import ClockDep
from backend.workflow.outcome import Outcome

router = APIRouter(include_in_schema=False)

LARGEST_ID = 2**63 - 1
NAMES = ("strategy", "symbol", "action", "outcome", "since", "until", "plan", "orders")


@dataclass
class Asked:
    """The filters as they stand in the address, and what is wrong with them."""

    given: dict[str, str]
    filters: Filters = field(default_factory=Filters)
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_narrowed(self) -> bool:
        return bool(self.given)

    def address(self, **changes: object) -> str:
        query = {**self.given, **changes}
        return "/decisions" + (f"?{urlencode(query)}" if query else "")


@router.get("/decisions")
def list_decisions(request: Request, session: SessionDep) -> Response:
    asked = _asked(request)
    mark = service.mark(session)  # read first: what comes meanwhile is news to the page
    rows, summary = [], Summary(actions={}, buckets={})
    if not asked.errors:
        rows = service.find(session, asked.filters)
        summary = service.summary(session, asked.filters)
    context = {
        "mark": mark,
        "asked": asked,
        "cards": [Card(row) for row in rows],
        "summary": summary,
        "calibration": _calibration(summary),
        "strategies": service.strategies(session),
        "actions": [action.value for action in Action],
        "outcomes": [outcome.value for outcome in Outcome],
        "older": _older(asked, rows),
        "newest": asked.address() if "before" in request.query_params else "",
    }
    status = 422 if asked.errors else 200
    return templates.TemplateResponse(request, "decisions/list.html", context, status_code=status)


@router.get("/live/decisions")
def follow_decisions(request: Request, hub: HubDep, clock: ClockDep, known: str = "") -> Response:
    last_seen = request.headers.get("Last-Event-ID", known)
    may_read = sessions.watch(clock, request.state.browser_session)
    return stream(follow_changes(hub, service.SUBJECT, last_seen, service.mark, may_read))


def _older(asked: Asked, rows: list[service.Listed]) -> str:
    if len(rows) < service.PAGE:
        return ""
    return asked.address(before=rows[-1].decision.execution_id)


def _calibration(summary: Summary) -> list[dict[str, Any]]:
    """A column per tenth of confidence; a well calibrated analyst's reach their marks."""
    columns = []
    for tenth in range(BUCKETS):
        share = summary.buckets.get(tenth, service.NONE)
        said = f"{tenth * 10} to {tenth * 10 + 10} %"
        title = f"Confidence {said}: {share.hits} of {share.judged} went its way"
        columns.append(
            {
                "label": f"{tenth * 10}",
                "value": share.rate,
                "mark": (tenth + 0.5) / BUCKETS,
                "count": share.judged,
                "title": title,
            }
        )
    return columns


def _asked(request: Request) -> Asked:
    given = {
        name: value.strip()
        for name in NAMES
        if (value := request.query_params.get(name, "")) and value.strip()
    }
    asked = Asked(given)
    found = {
        "strategy_id": _read(asked, "strategy", _number),
        "symbol": _read(asked, "symbol", str.upper),
        "action": _read(asked, "action", _action),
        "outcome": _read(asked, "outcome", _outcome),
        "since": _read(asked, "since", _day),
        "until": _read(asked, "until", lambda text: _day(text) + timedelta(days=1)),
        "before": _before(asked, request.query_params.get("before", "")),
    }
    asked.filters = Filters(
        **found, has_plan=bool(given.get("plan")), has_orders=bool(given.get("orders"))
    )
    return asked


def _read(asked: Asked, name: str, read: Any) -> Any:
    text = asked.given.get(name)
    if text is None:
        return None
    try:
        return read(text)
    except ValueError as error:
        asked.errors[name] = str(error)
        return None


def _before(asked: Asked, text: str) -> int | None:
    if not text:
        return None
    try:
        return _number(text)
    except ValueError as error:
        asked.errors["before"] = str(error)
        return None


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= LARGEST_ID):
        raise ValueError(f"{text!r} is no number from a page. Choose from the list.")
    return int(text)


def _action(text: str) -> Action:
    names = [action.value for action in Action]
    if text.upper() not in names:
        raise ValueError(f"No action is named {text!r}.{did_you_mean(text.upper(), names)}")
    return Action(text.upper())


def _outcome(text: str) -> Outcome:
    names = [outcome.value for outcome in Outcome]
    if text.lower() not in names:
        raise ValueError(f"No outcome is named {text!r}.{did_you_mean(text.lower(), names)}")
    return Outcome(text.lower())


def _day(text: str) -> datetime:
    """Midnight UTC of a day."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no day. Write it as 2026-01-31.") from None
    if not 1970 <= day.year <= 9000:
        raise ValueError(f"{day.year} is no year of a decision.")
    return datetime.combine(day, time(), UTC)
