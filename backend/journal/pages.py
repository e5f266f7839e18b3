"""The journal, one round trip of it, what people write beside it, and the files."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from sqlalchemy.orm import Session

from backend.core.database import SessionDep
from backend.core.errors import InvalidInput
from backend.journal import asking, exporting, finding, notes, plots, story, totals
from backend.journal.asking import EXIT_WORDS, Asked, Grouping, Kind, State
from backend.journal.exporting import Format
from backend.journal.finding import Entry
from backend.journal.totals import Totals
from backend.web.flash import flash
from backend.web.rendering import templates
from backend.web.state import ActorDep, ClockDep

router = APIRouter(include_in_schema=False)

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
BeforeId = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
GROUPINGS: dict[Grouping, str] = {
    "strategy": "Strategy",
    "symbol": "Symbol",
    "side": "Long or short",
    "exit_reason": "Exit",
    "month": "Month",
}


@router.get("/journal")
def show_journal(
    request: Request, session: SessionDep, before: BeforeId = None, by: Grouping = "strategy"
) -> Response:
    form = asking.read(request.query_params)
    counts = finding.counts(session, form.asked)
    kind = form.asked.kind or _first_kind(counts)
    asked = form.asked.model_copy(update={"kind": kind})
    rows = [] if form.errors else finding.find(session, asked, before=before)
    context = {
        "form": form,
        "kind": kind,
        "kinds": [(each, _of_kind(counts, each)) for each in Kind if _of_kind(counts, each)],
        "states": [(each, counts.get((kind, each), 0)) for each in State],
        "entries": rows,
        "sums": [] if form.errors else _sums(session, asked, by),
        "plots": plots,
        "by": by,
        "groupings": GROUPINGS,
        "older": form.href(before=rows[-1].id, kind=kind) if len(rows) == finding.PAGE else "",
        "newest": form.href() if before is not None else "",
        **_choices(session),
    }
    status = 422 if form.errors else 200
    return templates.TemplateResponse(request, "journal/list.html", context, status_code=status)


def _sums(session: Session, asked: Asked, by: Grouping) -> Sequence[Totals]:
    """Of the closed ones among those asked for."""
    if asked.state not in (None, State.CLOSED):
        return []
    closed = asked.model_copy(update={"state": State.CLOSED})
    return totals.sum_up(finding.oldest_first(session, closed), by)


def _first_kind(counts: dict[tuple[Kind, State], int]) -> Kind:
    """Real money before paper before simulated, of those that there are."""
    return next((kind for kind in Kind if _of_kind(counts, kind)), Kind.SIMULATED)


def _of_kind(counts: dict[tuple[Kind, State], int], kind: Kind) -> int:
    return sum(count for (each, _), count in counts.items() if each is kind)


def _choices(session: Session) -> dict[str, Any]:
    accounts, strategies, tags = finding.choices(session)
    return {
        "accounts": accounts,
        "strategies": strategies,
        "tags": tags,
        "exits": EXIT_WORDS,
        "exit_words": asking.exit_words,
    }


@router.get("/journal/export.{form}")
def export(asked: Annotated[Asked, Query()], clock: ClockDep, form: Format) -> Response:
    return file_of(asked, form, f"{clock.now():%Y-%m-%d}")


def file_of(asked: Asked, form: Format, day: str) -> Response:
    """Says in its name whose money it is about, where that was chosen."""
    kind = f"-{asked.kind}" if asked.kind else ""
    return StreamingResponse(
        exporting.export(asked, form),
        media_type=form.content_type,
        headers={"Content-Disposition": f'attachment; filename="journal{kind}-{day}.{form}"'},
    )


@router.get("/journal/{round_trip_id}")
def show_round_trip(request: Request, session: SessionDep, round_trip_id: Id) -> Response:
    return _render(request, session, finding.get(session, round_trip_id))


@router.post("/journal/{round_trip_id}/note")
def write_note(
    request: Request,
    session: SessionDep,
    clock: ClockDep,
    person: ActorDep,
    round_trip_id: Id,
    text: Annotated[str, Form(max_length=100_000)] = "",
    tags: Annotated[str, Form(max_length=2_000)] = "",
) -> Response:
    try:
        notes.write(session, clock, round_trip_id, text=text, tags=tags, actor=person)
    except InvalidInput as error:
        fault = {error.field or "text": error.message}
        entered = {"text": text, "tags": tags, "error": fault}
        return _render(request, session, finding.get(session, round_trip_id), entered)
    response = RedirectResponse(f"/journal/{round_trip_id}#note", status_code=303)
    flash(response, "Kept the note.")
    return response


def _render(
    request: Request, session: Session, entry: Entry, entered: dict[str, Any] | None = None
) -> Response:
    context = {
        "entry": entry,
        "figures": entry.figures,
        "story": story.of(session, entry),
        "rungs": story.rungs(entry),
        "exit_words": asking.exit_words(entry.exit_reason),
        "entered": entered,
    }
    status = 422 if entered else 200
    return templates.TemplateResponse(request, "journal/detail.html", context, status_code=status)
