"""REST for round trips, what they come to together, and the files."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from backend.core.database import SessionDep
from backend.core.errors import InvalidInput
from backend.journal import finding, notes, story
from backend.journal.asking import Asked, Grouping, Kind, State
from backend.journal.exporting import Format
from backend.journal.pages import file_of
from backend.journal.rows import RoundTripRow, row_of
from backend.journal.totals import Group, Totals, sum_up
from backend.portfolio.orders.models import Role
from backend.trading.order_state import OrderState
from backend.trading.track_record import TrackRecord
from backend.web.security import Operator, Reader
from backend.web.state import ActorDep, ClockDep

router = APIRouter(prefix="/api/journal")

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
BeforeId = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Filters = Annotated[Asked, Query()]


class RoundTripPage(BaseModel):
    round_trips: list[RoundTripRow]
    next_before: int | None
    """Give it as `before` for the next page; none at the end."""


class OrderOut(BaseModel):
    id: int
    client_order_id: str
    broker_order_id: str | None
    role: Role
    side: str
    order_type: str
    quantity: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    state: OrderState
    reason: str | None
    filled: Decimal
    average_price: Decimal | None
    commission: Decimal
    created_at: datetime
    done_at: datetime | None


class FillOut(BaseModel):
    id: str
    order_id: int | None
    side: str
    quantity: Decimal
    price: Decimal
    commission: Decimal | None
    at: datetime


class RoundTripInFull(BaseModel):
    round_trip: RoundTripRow
    orders: list[OrderOut]
    fills: list[FillOut]


class RecordOut(BaseModel):
    """After commission. A mean, rate or ratio is null while there is nothing to divide by."""

    count: int
    wins: int
    losses: int
    win_rate: Decimal | None
    net: Decimal
    expectancy: Decimal | None = Field(description="The mean result of a round trip.")
    expectancy_r: Decimal | None = Field(description="In R, over those whose risk is known.")
    profit_factor: Decimal | None
    payoff: Decimal | None
    average_win: Decimal | None
    average_loss: Decimal | None
    max_drawdown: Decimal = Field(description="Of the running sum of closed results.")
    drawdown: Decimal
    longest_winning: int
    longest_losing: int
    streak: int = Field(description="Of now: above 0 so many winners, below it so many losers.")


class GroupOut(BaseModel):
    value: str
    label: str
    record: RecordOut


class TotalsOut(BaseModel):
    """Of one kind and currency: those are never added to others."""

    kind: Kind
    currency: str
    record: RecordOut
    gross: Decimal
    commission: Decimal
    slippage: Decimal
    ai_cost_usd: Decimal
    net_of_ai: Decimal | None
    average_held_seconds: float | None
    unpriced: int = Field(description="Closed, and in no sum, since a price is not known.")
    groups: list[GroupOut]


class NoteIn(BaseModel):
    text: str = Field("", max_length=notes.LONGEST)
    tags: list[str] = Field(default_factory=list, max_length=notes.MOST_TAGS)


@router.get("")
def list_round_trips(
    session: SessionDep,
    _key: Reader,
    asked: Filters,
    before: BeforeId = None,
    limit: Annotated[int, Query(ge=1, le=500)] = finding.PAGE,
) -> RoundTripPage:
    """Newest first. Each says whether it was live, paper or simulated."""
    rows = finding.find(session, asked, before=before, limit=limit)
    return RoundTripPage(
        round_trips=[row_of(each) for each in rows],
        next_before=rows[-1].id if len(rows) == limit else None,
    )


@router.get("/totals")
def sum_up_round_trips(
    session: SessionDep, _key: Reader, asked: Filters, by: Grouping = "strategy"
) -> list[TotalsOut]:
    """Of the closed ones that match, for each kind and currency by itself."""
    if asked.state not in (None, State.CLOSED):
        raise InvalidInput("state: totals are of closed round trips alone.", field="state")
    closed = asked.model_copy(update={"state": State.CLOSED})
    return [_totals(each) for each in sum_up(finding.oldest_first(session, closed), by)]


@router.get(
    "/export.{form}",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}, "application/vnd.apache.parquet": {}}}},
)
def export_round_trips(_key: Reader, asked: Filters, clock: ClockDep, form: Format) -> Response:
    """All that match as a file, the oldest first."""
    return file_of(asked, form, f"{clock.now():%Y-%m-%d}")


@router.get("/{round_trip_id}")
def get_round_trip(session: SessionDep, _key: Reader, round_trip_id: Id) -> RoundTripInFull:
    entry = finding.get(session, round_trip_id)
    told = story.of(session, entry)
    return RoundTripInFull(
        round_trip=row_of(entry),
        orders=[OrderOut.model_validate(each, from_attributes=True) for each in told.orders],
        fills=[FillOut.model_validate(each, from_attributes=True) for each in told.fills],
    )


@router.put("/{round_trip_id}/note")
def write_note(
    session: SessionDep,
    clock: ClockDep,
    actor: ActorDep,
    _key: Operator,
    round_trip_id: Id,
    note: NoteIn,
) -> RoundTripRow:
    """In place of what stood there."""
    tags = ",".join(note.tags)
    notes.write(session, clock, round_trip_id, text=note.text, tags=tags, actor=actor)
    session.flush()
    return row_of(finding.get(session, round_trip_id))


def _totals(totals: Totals) -> TotalsOut:
    held = totals.average_held
    plain = ("kind", "currency", "gross", "commission", "slippage", "ai_cost_usd", "net_of_ai")
    return TotalsOut(
        **{name: getattr(totals, name) for name in plain},
        record=_record(totals.record),
        average_held_seconds=None if held is None else held.total_seconds(),
        unpriced=totals.unpriced,
        groups=[_group(each) for each in totals.groups.values()],
    )


def _group(group: Group) -> GroupOut:
    return GroupOut(value=group.value, label=group.label, record=_record(group.record))


def _record(record: TrackRecord) -> RecordOut:
    elsewhere = {
        "max_drawdown": record.drawdown.deepest,
        "drawdown": record.drawdown.current,
        "longest_winning": record.streaks.winning,
        "longest_losing": record.streaks.losing,
        "streak": record.streaks.current,
    }
    plain = RecordOut.model_fields.keys() - elsewhere
    return RecordOut(**{name: getattr(record, name) for name in plain}, **elsewhere)
