"""The pages of what strategies do: the list, one strategy, and its play button and switch."""

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse

from backend.core.database import SessionDep
from backend.executions import dispatch, live, of_strategies
from backend.executions.models import Trigger
from backend.executions.of_strategies import Figures, Switch
from backend.strategies import service
from backend.strategies.definition import StrategyDefinition
from backend.strategies.models import Strategy
from backend.strategies.schedule import upcoming
from backend.strategies.words import parts
from backend.web.flash import flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep
from backend.workflow.plan import STEP_NAMES

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
Name = Annotated[str | None, Query(max_length=100)]


@router.get("/strategies")
def list_strategies(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    search: Annotated[str, Query(max_length=100)] = "",
    switch: Switch | None = None,
    after: Name = None,
    before: Name = None,
) -> Response:
    wanted = search.strip()
    context = {
        # Read first: what changes after it is shown as soon as the page listens.
        "mark": live.mark_of_all(session),
        "page": of_strategies.page(
            session, clock.now(), search=wanted, switch=switch, after=after, before=before
        ),
        "counts": of_strategies.counts(session, wanted),
        "search": wanted,
        "switch": switch,
        "now": clock.now(),
        "step_count": len(STEP_NAMES),
    }
    return templates.TemplateResponse(request, "strategies/list.html", context)


@router.get("/strategies/{strategy_id}")
def show_strategy(
    request: Request, session: SessionDep, clock: ClockDep, strategy_id: Id
) -> Response:
    mark = live.mark_of_all(session)
    strategy = service.get(session, strategy_id)
    definition = StrategyDefinition.stored(service.newest(strategy).definition)
    figures = of_strategies.figures(session, clock.now(), [strategy_id])
    context = {
        "mark": mark,
        "strategy": strategy,
        "definition": definition,
        "parts": parts(definition),
        "upcoming": upcoming(definition.schedule, clock.now()),
        "zone": of_strategies.zone_of(definition.schedule),
        "figures": figures.get(strategy_id, Figures()),
        # The journal looks back on executions, so it is handed in from above.
        "results": request.app.state.results_of_strategy(session, strategy_id),
        "now": clock.now(),
        "step_count": len(STEP_NAMES),
    }
    return templates.TemplateResponse(request, "strategies/detail.html", context)


@router.post("/strategies/{strategy_id}/play")
def play(session: SessionDep, clock: ClockDep, actor: ActorDep, strategy_id: Id) -> Response:
    """One execution for each symbol; leads to the one, or to the list of them."""
    strategy = service.get(session, strategy_id)
    symbols = service.newest(strategy).definition["symbols"]
    running = of_strategies.under_way(session, strategy_id)
    idle = [symbol for symbol in symbols if symbol not in running]
    if not idle:
        return _led_to([running[symbol] for symbol in symbols], strategy, "Already under way.")
    ids = dispatch.start(
        session, clock, strategy, symbols=idle, trigger=Trigger.PLAY, requested_by=actor
    )
    dispatch.note_start(session, clock, strategy, ids, actor=actor)
    return _led_to(ids, strategy, f"Started {len(ids)} executions, one for each symbol.")


@router.post("/strategies/{strategy_id}/switch")
def switch_strategy(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    strategy_id: Id,
    is_enabled: Annotated[bool, Form()],
    back: Annotated[str, Form(max_length=500)] = "",
) -> Response:
    strategy = service.get(session, strategy_id)
    service.enable(session, clock, strategy, is_enabled=is_enabled, actor=actor)
    response = RedirectResponse(_within(back, f"/strategies/{strategy_id}"), status_code=303)
    does = "runs by its schedule from now on" if is_enabled else "does not run by itself any more"
    flash(response, f"{strategy.name!r} {does}.")
    return response


@router.post("/strategies/{strategy_id}/archive")
def archive_strategy(
    session: SessionDep, clock: ClockDep, actor: ActorDep, strategy_id: Id
) -> Response:
    strategy = service.get(session, strategy_id)
    service.archive(session, clock, strategy, actor=actor)
    response = RedirectResponse("/strategies", status_code=303)
    flash(response, f"{strategy.name!r} is archived. Its executions stay readable.")
    return response


def _led_to(ids: list[int], strategy: Strategy, said: str) -> Response:
    """To the page of the one, or to the list of several."""
    alone = f"/executions/{ids[0]}" if len(ids) == 1 else ""
    response = RedirectResponse(alone or f"/executions?strategy_id={strategy.id}", status_code=303)
    if not alone or said.startswith("Already"):
        flash(response, said, "info")
    return response


def _within(back: str, otherwise: str) -> str:
    """Only an address of the list itself: a form must not lead elsewhere."""
    return back if back == "/strategies" or back.startswith("/strategies?") else otherwise
