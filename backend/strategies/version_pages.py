"""The versions of a strategy: who saved what, what changed, the way back; and YAML in and out."""

import re
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from backend.core.database import SessionDep
from backend.strategies import changes, editor, editor_pages, service
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Strategy, StrategyVersion
from backend.strategies.words import parts
from backend.web.flash import flash
from backend.web.forms import FieldsDep
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]


@router.get("/strategies/{strategy_id}/versions")
def list_versions(
    request: Request, session: SessionDep, strategy_id: Id, a: Number = None, b: Number = None
) -> Response:
    """All versions, and what differs between two of them: the last two, unless others are named."""
    strategy = service.get(session, strategy_id)
    newer = service.version(strategy, b or strategy.version_number)
    older = service.version(strategy, a or max(newer.number - 1, 1))
    context = {
        "strategy": strategy,
        "rows": _rows(strategy),
        "older": older,
        "newer": newer,
        "older_text": changes.as_yaml(older.definition),
        "newer_text": changes.as_yaml(newer.definition),
        "changed": changes.changed_fields(older.definition, newer.definition),
        "parts": parts(StrategyDefinition.stored(newer.definition)),
    }
    return templates.TemplateResponse(request, "strategies/versions.html", context)


@router.post("/strategies/{strategy_id}/versions/{number}/restore")
def restore_version(
    session: SessionDep, clock: ClockDep, actor: ActorDep, strategy_id: Id, number: Id
) -> Response:
    strategy = service.get(session, strategy_id)
    added = service.restore(session, clock, strategy, number=number, author=actor)
    response = RedirectResponse(f"/strategies/{strategy_id}/versions", status_code=303)
    flash(response, f"Version {number} is back, as version {added.number}.")
    return response


@router.get("/strategies/{strategy_id}/export")
def export_strategy(session: SessionDep, strategy_id: Id, version: Number = None) -> Response:
    return exported(session, strategy_id, version)


@router.get("/strategies/import")
def import_page(request: Request) -> Response:
    return templates.TemplateResponse(request, "strategies/import.html", {"yaml": "", "error": ""})


@router.post("/strategies/import")
def import_strategy(request: Request, session: SessionDep, fields: FieldsDep) -> Response:
    """What was read, in the editor: it is looked through there before it is saved."""
    text = fields.get("file", "").strip() or fields.get("yaml", "")
    draft = editor.as_form(editor.of_yaml(text))
    if draft.problems or not text.strip():
        error = (
            draft.errors.get("yaml", "") if text.strip() else "Choose a file, or paste its text."
        )
        context = {"yaml": text, "error": error}
        return templates.TemplateResponse(
            request, "strategies/import.html", context, status_code=422
        )
    return editor_pages.show_imported(request, session, draft)


def exported(session: SessionDep, strategy_id: int, number: int | None) -> Response:
    """A version as a YAML file, under a name that every file system takes."""
    strategy = service.get(session, strategy_id)
    version = service.version(strategy, number or strategy.version_number)
    words = re.sub(r"[^a-z0-9]+", "-", strategy.name.lower()).strip("-") or "strategy"
    name = f"{words[:60]}-v{version.number}.yaml"
    return Response(
        changes.as_yaml(version.definition),
        media_type="application/yaml",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _rows(strategy: Strategy) -> list[tuple[StrategyVersion, int]]:
    """Each version with how many fields it changed, the newest first."""
    before = [None, *strategy.versions[:-1]]
    found = [
        (each, len(changes.changed_fields(last.definition, each.definition)) if last else 0)
        for last, each in zip(before, strategy.versions, strict=True)
    ]
    return found[::-1]
