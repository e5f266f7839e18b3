"""Writing a prompt: checked while it is written, compared, and tried on past executions."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.orm import Session

from backend.analysis import prompts as templates_of_prompts
from backend.analysis.prompt_variables import VARIABLES
from backend.core.database import SessionDep
from backend.core.errors import AppError, InvalidInput
from backend.prompts import preview
from backend.strategies import prompts
from backend.strategies.models import Prompt
from backend.web.flash import flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False, prefix="/prompts")

Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]
Template = Annotated[str, Form(max_length=50_000)]


@router.get("/{name}/edit")
def edit(request: Request, session: SessionDep, name: str, version: Number = None) -> Response:
    prompt = prompts.get(session, name)
    base = prompts.version(prompt, version) if version else prompt.versions[-1]
    return _editor(request, session, prompt, base.template)


@router.post("/{name}/versions")
def save(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    name: str,
    template: Template = "",
) -> Response:
    prompt = prompts.get(session, name)
    before = prompt.versions[-1].number
    try:
        saved = prompts.save(session, clock, name=name, template=tidy(template), author=actor)
    except InvalidInput as error:
        return _editor(request, session, prompt, template, error.message)
    response = RedirectResponse(f"/prompts/{name}?version={saved.number}", 303)
    if saved.number == before:
        flash(response, f"Nothing was changed: that is version {before} word for word.", "info")
    else:
        flash(
            response,
            f"Version {saved.number} is saved. It runs once production or trial is moved to it.",
        )
    return response


@router.post("/{name}/check")
def check(session: SessionDep, name: str, template: Template = "") -> JSONResponse:
    """Whether it could be saved, while somebody writes: what is wrong, or nothing."""
    kind = prompts.get(session, name).kind
    try:
        templates_of_prompts.validate(tidy(template), kind)
    except InvalidInput as error:
        return JSONResponse({"problem": error.message})
    return JSONResponse({"problem": None})


@router.get("/{name}/diff")
def compare(
    request: Request, session: SessionDep, name: str, a: Number = None, b: Number = None
) -> Response:
    prompt = prompts.get(session, name)
    newest = prompt.versions[-1].number
    right = prompts.version(prompt, b or newest)
    left = prompts.version(prompt, a or prompts.labels(prompt)["production"])
    context = {**common(prompt), "left": left, "right": right}
    return templates.TemplateResponse(request, "prompts/diff.html", context)


@router.get("/{name}/preview")
def show_preview(
    request: Request,
    session: SessionDep,
    name: str,
    version: Number = None,
    execution: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    prompt = prompts.get(session, name)
    chosen = prompts.version(prompt, version) if version else prompt.versions[-1]
    return _preview(request, session, prompt, chosen.template, execution, number=chosen.number)


@router.post("/{name}/preview")
def preview_draft(
    request: Request,
    session: SessionDep,
    name: str,
    template: Template = "",
    execution: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """What is in the editor, saved or not; nothing is kept."""
    return _preview(request, session, prompts.get(session, name), tidy(template), execution)


def common(prompt: Prompt) -> dict[str, Any]:
    return {
        "prompt": prompt,
        "labels": prompts.labels(prompt),
        "versions": prompt.versions[::-1],
        "numbers": [(each.number, f"Version {each.number}") for each in prompt.versions[::-1]],
    }


def _editor(
    request: Request, session: Session, prompt: Prompt, template: str, problem: str = ""
) -> Response:
    context = {
        **common(prompt),
        "template": template,
        "problem": problem,
        "variables": VARIABLES[prompt.kind],
        "executions": preview.choices(session, prompt.kind),
        "longest": templates_of_prompts.LONGEST_TEMPLATE,
    }
    status = 422 if problem else 200
    return templates.TemplateResponse(request, "prompts/edit.html", context, status_code=status)


def _preview(
    request: Request,
    session: Session,
    prompt: Prompt,
    template: str,
    execution: str,
    number: int | None = None,
) -> Response:
    choices = preview.choices(session, prompt.kind)
    problem, previews = "", []
    chosen = execution.strip() or (str(choices[0].execution_id) if choices else "")
    try:
        if chosen:
            previews = preview.render(
                session, request.app.state.tools, prompt.kind, template, _id(chosen)
            )
    except AppError as error:
        problem = error.message
    context = {
        **common(prompt),
        "template": template,
        "number": number,
        "execution": chosen,
        "executions": choices,
        "previews": previews,
        "problem": problem,
    }
    status = 422 if problem else 200
    return templates.TemplateResponse(request, "prompts/preview.html", context, status_code=status)


def _id(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) < 2**63):
        raise InvalidInput(f"{text!r} is no execution's number.", field="execution")
    return int(text)


def tidy(template: str) -> str:
    """Browsers send forms with carriage returns; stored prompts have none."""
    return template.replace("\r\n", "\n")
