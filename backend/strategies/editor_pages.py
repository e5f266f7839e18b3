"""The editor: a new strategy, or the next version of one; as a form in steps, or as YAML."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.database import SessionDep
from backend.core.errors import Conflict
from backend.strategies import editor, service
from backend.strategies.changes import as_yaml
from backend.strategies.definition import StrategyDefinition
from backend.strategies.editor import Draft
from backend.strategies.models import Strategy
from backend.strategies.templates import template
from backend.web.flash import flash
from backend.web.forms import FieldsDep
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Symbol = Annotated[str, Query(max_length=20)]


@router.get("/strategies/new")
def new_strategy(
    request: Request,
    session: SessionDep,
    template_name: Annotated[str, Query(alias="template", max_length=40)] = "trend",
    symbol: Symbol = "",
    copy_of: Number = None,
) -> Response:
    """Begun from a template for a symbol, or from another strategy's newest version."""
    if copy_of is not None:
        copied = service.get(session, copy_of)
        document = service.newest(copied).definition
    else:
        document = template(template_name).for_symbol(symbol.strip().upper() or "AAPL")
    document = {**document, "name": service.free_name(session, document["name"])}
    draft = editor.of_definition(StrategyDefinition.model_validate(document))
    extra = {"template_name": "" if copy_of else template_name, "symbol": symbol}
    return _show(request, session, draft, extra=extra)


@router.get("/strategies/{strategy_id}/edit")
def edit_strategy(
    request: Request, session: SessionDep, strategy_id: Id, version: Number = None
) -> Response:
    """`version` begins from an earlier one; what is saved becomes the newest all the same."""
    strategy = service.get(session, strategy_id)
    number = version or strategy.version_number
    stored = service.version(strategy, number).definition
    draft = editor.of_definition(StrategyDefinition.stored(stored))
    return _show(request, session, draft, strategy)


@router.post("/strategies/new")
def create_strategy(
    request: Request, session: SessionDep, clock: ClockDep, actor: ActorDep, fields: FieldsDep
) -> Response:
    return _submitted(request, session, clock, actor, fields, None)


@router.post("/strategies/{strategy_id}/edit")
def save_strategy(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    strategy_id: Id,
    fields: FieldsDep,
) -> Response:
    strategy = service.get(session, strategy_id)
    return _submitted(request, session, clock, actor, fields, strategy)


def _submitted(
    request: Request,
    session: Session,
    clock: Clock,
    actor: str,
    fields: dict[str, str],
    strategy: Strategy | None,
) -> Response:
    draft = draft_of(fields)
    action = fields.get("action", "save")
    if action == "to_yaml":
        return _show(request, session, editor.of_fields(draft.fields, "yaml"), strategy, fields)
    if action == "to_form":
        draft = editor.as_form(draft)
        status = 422 if draft.problems else 200
        return _show(request, session, draft, strategy, fields, status=status)
    draft = editor.judged(session, draft, strategy)
    if draft.problems:
        return _show(request, session, draft, strategy, fields, status=422)
    try:
        return _save(session, clock, actor, draft, strategy, _based_on(fields, action))
    except service.NewerVersion as error:
        assert strategy is not None
        return _collided(request, session, draft, strategy, fields, error)


def show_imported(request: Request, session: Session, draft: Draft) -> Response:
    """A new strategy, begun from a file; its name gives way to one that is in use."""
    fields = {**draft.fields, "name": service.free_name(session, draft.fields["name"])}
    judged = editor.judged(session, editor.of_fields(fields), None)
    extra = {"is_imported": True}
    return _show(request, session, judged, fields={}, extra=extra)


def draft_of(fields: dict[str, str]) -> Draft:
    """What a browser sent, as the view that it was written in."""
    if fields.get("view") == "yaml":
        return editor.of_yaml(fields.get("yaml", ""))
    return editor.of_fields(fields)


def _based_on(fields: dict[str, str], action: str) -> int | None:
    """Which version was changed; with `save_over`, the one that the reader was shown since."""
    text = fields.get("newest" if action == "save_over" else "based_on", "")
    return int(text) if text.isdecimal() and len(text) < 10 else None


def _save(
    session: Session,
    clock: Clock,
    actor: str,
    draft: Draft,
    strategy: Strategy | None,
    based_on: int | None,
) -> Response:
    document = editor.document_of(draft)
    if strategy is None:
        saved = service.create(session, clock, document=document, author=actor)
        said = f"Saved {saved.name!r}, switched off. Press Play to run it once, or switch it on."
    else:
        saved, before = strategy, strategy.version_number
        added = service.update(
            session, clock, strategy, document=document, author=actor, based_on=based_on
        )
        changed = added.number != before
        said = f"Saved version {added.number}." if changed else "Nothing had changed."
    response = RedirectResponse(f"/strategies/{saved.id}", status_code=303)
    flash(response, said)
    return response


def _collided(
    request: Request,
    session: Session,
    draft: Draft,
    strategy: Strategy,
    fields: dict[str, str],
    error: Conflict,
) -> Response:
    """Nothing is lost: the reader sees both, and chooses."""
    newest = service.newest(strategy)
    mine = StrategyDefinition.model_validate(editor.document_of(draft)).model_dump(mode="json")
    collision = {
        "sentence": error.message,
        "number": newest.number,
        "author": newest.created_by,
        "at": newest.created_at,
        "theirs": as_yaml(newest.definition),
        "mine": as_yaml(mine),
    }
    return _show(
        request, session, draft, strategy, fields, status=409, extra={"collision": collision}
    )


def _show(
    request: Request,
    session: Session,
    draft: Draft,
    strategy: Strategy | None = None,
    fields: dict[str, str] | None = None,
    *,
    status: int = 200,
    extra: dict[str, Any] | None = None,
) -> Response:
    sent = fields or {}
    context = {
        **editor.choices(session),
        "draft": draft,
        "fields": draft.fields,
        "errors": draft.errors,
        "strategy": strategy,
        "based_on": sent.get("based_on") or (strategy.version_number if strategy else ""),
        "rule_names": editor.names_for_rules(draft.fields),
        "is_fresh": fields is None,
        "at_step": sent.get("at_step", ""),
        "template_name": "",
        "symbol": "",
        "is_imported": False,
        "collision": None,
        **(extra or {}),
    }
    return templates.TemplateResponse(
        request, "strategies/editor.html", context, status_code=status
    )
