"""Prompts: what runs, what each version did, and moving labels."""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, cast, get_args

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.analysis.prompt_variables import PromptKind
from backend.core.clock import Clock
from backend.core.database import SessionDep
from backend.core.errors import Conflict, InvalidInput
from backend.prompts import results
from backend.prompts.editing_pages import Number, Template, common, tidy
from backend.strategies import prompts
from backend.strategies.models import Prompt
from backend.web.flash import flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep
from backend.workflow.settings import PromptLabel

router = APIRouter(include_in_schema=False, prefix="/prompts")

DAYS = {"30": "30 days", "90": "90 days", "all": "ever"}
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
SHORTEST = "Small letters, digits, - and _, at most 100, beginning with a letter or a digit."


@router.get("")
def list_prompts(request: Request, session: SessionDep, clock: ClockDep) -> Response:
    return _list(request, session, clock)


@router.post("")
def create(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    name: Annotated[str, Form(max_length=200)] = "",
    kind: Annotated[str, Form(max_length=20)] = "chart",
    template: Template = "",
) -> Response:
    form = {"name": name.strip(), "kind": kind, "template": tidy(template)}
    errors = _wrong_form(form)
    if not errors:
        try:
            prompts.create(session, clock, **form, author=actor)  # type: ignore[arg-type]
        except (InvalidInput, Conflict) as error:
            errors = {error.field or "name": error.message}
    if errors:
        return _list(request, session, clock, form=form, errors=errors)
    response = RedirectResponse(f"/prompts/{form['name']}", 303)
    flash(response, f"The prompt {form['name']} is there; strategies may name it now.")
    return response


@router.get("/{name}")
def show(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    name: str,
    days: str = "90",
    version: Number = None,
) -> Response:
    prompt = prompts.get(session, name)
    days = days if days in DAYS else "90"
    since = None if days == "all" else clock.now() - timedelta(days=int(days))
    found = results.by_version(session, prompt, since)
    labels = prompts.labels(prompt)
    context = {
        **common(prompt),
        "results": found,
        "plots": _plots(prompt, found),
        "users": results.users(session).get(name, []),
        "moves": {row.label: row for row in prompt.labels},
        "shown": prompts.version(prompt, version or labels["production"]),
        "days": days,
        "choices": [(each, text) for each, text in DAYS.items()],
        "now": clock.now(),
    }
    return templates.TemplateResponse(request, "prompts/detail.html", context)


@router.post("/{name}/labels")
def move_label(
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    name: str,
    label: Annotated[str, Form(max_length=20)],
    version: Annotated[int, Form(ge=1, le=2**31 - 1)],
) -> Response:
    prompts.move_label(session, clock, name=name, label=_label(label), number=version, actor=actor)
    response = RedirectResponse(f"/prompts/{name}", 303)
    flash(response, f"{label.capitalize()} is version {version} from the next execution on.")
    return response


@router.post("/{name}/labels/off")
def take_label_off(
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    name: str,
    label: Annotated[str, Form(max_length=20)],
) -> Response:
    prompts.take_label_off(session, clock, name=name, label=_label(label), actor=actor)
    response = RedirectResponse(f"/prompts/{name}", 303)
    flash(response, "Nothing is on trial any more; strategies on trial run production.")
    return response


def _list(
    request: Request,
    session: Session,
    clock: Clock,
    *,
    form: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
) -> Response:
    since = clock.now() - timedelta(days=30)
    spent, users = results.spent(session, since), results.users(session)
    context = {
        "prompts": [
            {
                "prompt": prompt,
                "labels": prompts.labels(prompt),
                "users": users.get(prompt.name, []),
                "spent": spent.get(prompt.id, (0, Decimal(0))),
            }
            for prompt in prompts.list_all(session)
        ],
        "kinds": [(kind, kind) for kind in get_args(PromptKind)],
        "form": form or {"name": "", "kind": "chart", "template": ""},
        "errors": errors or {},
        "hint": SHORTEST,
        "now": clock.now(),
    }
    return templates.TemplateResponse(
        request, "prompts/list.html", context, status_code=422 if errors else 200
    )


def _plots(prompt: Prompt, found: dict[int, results.VersionResults]) -> dict[str, Any]:
    """The last ten versions side by side: each plot a column per version that was asked."""
    asked = [(v.number, found[v.number]) for v in prompt.versions if found[v.number].runs][-10:]
    kinds = {
        "Hit rate after 5 bars": ("hit_rate", "judged", "of {n} signals went their way"),
        "Quoted numbers that were wrong": ("claims_wrong_rate", "claims", "of {n} numbers"),
        "Questions without an opinion": ("refused_rate", "questions", "of {n} questions"),
    }
    return {
        title: [
            {
                "label": f"v{number}",
                "value": getattr(each, value),
                "count": getattr(each, count),
                "title": f"Version {number}: " + said.format(n=getattr(each, count)),
            }
            for number, each in asked
        ]
        for title, (value, count, said) in kinds.items()
        if asked
    }


def _wrong_form(form: dict[str, str]) -> dict[str, str]:
    errors = {}
    if not NAME.fullmatch(form["name"]):
        errors["name"] = f"name: {form['name']!r} cannot be one. {SHORTEST}"
    if form["kind"] not in get_args(PromptKind):
        errors["kind"] = f"kind: choose {', '.join(get_args(PromptKind))}."
    return errors


def _label(text: str) -> PromptLabel:
    if text not in get_args(PromptLabel):
        raise InvalidInput(
            f"label: no label is named {text!r}; there are production and trial.", field="label"
        )
    return cast(PromptLabel, text)
