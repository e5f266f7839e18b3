"""The list of executions."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from backend.core.database import SessionDep
from backend.executions import service
from backend.web.rendering import templates
from backend.workflow.outcome import Outcome

router = APIRouter(include_in_schema=False)


@router.get("/executions")
def list_executions(
    request: Request,
    session: SessionDep,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    outcome: Outcome | Literal[""] | None = None,
    before: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
) -> Response:
    filters = service.Filters(symbol=symbol or None, outcome=outcome or None, before=before)
    rows = service.find(session, filters)
    context = {
        "rows": rows,
        "symbol": symbol,
        "outcome": outcome,
        "outcomes": list(Outcome),
        "next_before": rows[-1][0].id if len(rows) == service.PAGE else None,
    }
    return templates.TemplateResponse(request, "executions/list.html", context)
