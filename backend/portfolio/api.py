"""REST for what accounts hold and are worth, our books beside the broker's, and closing."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from backend.core.database import SessionDep, transaction
from backend.core.errors import NotFound
from backend.portfolio import accounts, beside, closing_by_hand, curves, holdings, refreshing
from backend.portfolio.books import drift, explaining
from backend.portfolio.books.models import Drift
from backend.portfolio.curves import Range
from backend.portfolio.holdings import Holding, Holdings, Part
from backend.portfolio.orders.models import Closing, ClosingState
from backend.web.security import Operator, Reader, Trader
from backend.web.state import ActorDep, ClockDep

router = APIRouter(prefix="/api")

Account = Annotated[str, Path(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._-]+$")]
Id = Annotated[int, Path(ge=1, le=2**31 - 1)]
Wide = Annotated[int, Path(ge=1, le=2**63 - 1)]


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class AccountsOut(BaseModel):
    accounts: list[str]


class PartOut(BaseModel):
    round_trip_id: int
    strategy_id: int
    strategy_name: str
    execution_id: int
    quantity: Decimal = Field(description="Negative when short.")
    entry_price: Decimal | None
    stops: list[Decimal] = Field(description="Of stops that live at the broker.")
    unprotected: Decimal = Field(description="Shares that no stop would take out.")
    risk_to_stop: Decimal | None = Field(description="Lost from the last price on if they fill.")
    unrealized_pnl: Decimal | None
    r: Decimal | None = Field(description="The same in units of what was risked at the entry.")
    closing_id: int | None


class PositionOut(BaseModel):
    conid: int
    symbol: str
    quantity: Decimal
    average_cost: Decimal
    market_price: Decimal
    market_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    currency: str
    share_of_equity: Decimal | None
    risk_to_stop: Decimal | None
    unprotected: Decimal
    others: Decimal = Field(description="Shares that belong to no strategy.")
    parts: list[PartOut]


class PositionsOut(BaseModel):
    account: str
    as_of: datetime
    positions: list[PositionOut]


class ExposureOut(BaseModel):
    account: str
    as_of: datetime
    currency: str
    equity: Decimal
    cash: Decimal
    buying_power: Decimal
    day_pnl: Decimal | None
    long: Decimal
    short: Decimal
    gross: Decimal
    net: Decimal
    leverage: Decimal | None
    unrealized_pnl: Decimal
    risk_to_stops: Decimal
    share_at_risk: Decimal | None


class PointOut(Out):
    at: datetime
    equity: float
    drawdown: float = Field(description="Below the highest equity until then; 0 or less.")


class EquityOut(BaseModel):
    account: str
    currency: str
    points: list[PointOut]


class DriftOut(Out):
    id: int
    symbol: str
    ours: Decimal
    brokers: Decimal
    seen_at: datetime
    confirmed_at: datetime | None = Field(description="Blocks new orders from then on.")
    explained_at: datetime | None
    explained_by: str | None
    explanation: str | None


class BooksLine(Out):
    symbol: str
    ours: Decimal
    brokers: Decimal
    difference: Decimal
    state: str


class BooksOut(BaseModel):
    account: str
    compared_at: datetime | None
    read_at: datetime | None
    stream_since: datetime | None
    lines: list[BooksLine]
    drifts: list[DriftOut]


class ClosingOut(Out):
    id: int
    account: str
    symbol: str
    conid: int
    round_trip_id: int | None
    reason: str
    state: ClosingState
    outcome: str
    order_id: int | None
    asked_at: datetime
    asked_by: str
    done_at: datetime | None


class Explanation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reason: str = Field(max_length=10_000)
    closes: list[int] = Field(
        default_factory=list, description="Round trips that were closed by hand with it."
    )


@router.get("/portfolio")
def list_accounts(session: SessionDep, _key: Reader) -> AccountsOut:
    """Every account that was looked at or traded."""
    return AccountsOut(accounts=accounts.known(session))


@router.get("/portfolio/{account}/positions")
def get_positions(session: SessionDep, _key: Reader, account: Account) -> PositionsOut:
    """What the account held when it was looked at last, and whose it is."""
    held = _held(session, account)
    rows = [_position(each) for each in held.rows]
    return PositionsOut(account=account, as_of=held.as_of, positions=rows)


@router.get("/portfolio/{account}/exposure")
def get_exposure(session: SessionDep, _key: Reader, account: Account) -> ExposureOut:
    """What that comes to, in the account's currency."""
    held = _held(session, account)
    seen = held.snapshot
    return ExposureOut(
        account=account,
        as_of=held.as_of,
        currency=seen.currency,
        equity=seen.equity,
        cash=seen.cash,
        buying_power=seen.buying_power,
        day_pnl=seen.day_pnl,
        long=held.long,
        short=held.short,
        gross=held.gross,
        net=held.net,
        leverage=held.leverage,
        unrealized_pnl=held.unrealized,
        risk_to_stops=held.risk,
        share_at_risk=held.risk_share,
    )


@router.get("/portfolio/{account}/equity")
def get_equity(
    session: SessionDep, clock: ClockDep, _key: Reader, account: Account, over: Range = Range.MONTH
) -> EquityOut:
    """What it was worth over time, and how far below its peak."""
    accounts.choose(session, account, None)
    curve = curves.read(session, account, over, clock.now())
    points = [PointOut.model_validate(each) for each in curve.points]
    return EquityOut(account=account, currency=curve.currency, points=points)


@router.get("/portfolio/{account}/books")
def get_books(session: SessionDep, _key: Reader, account: Account) -> BooksOut:
    """Our quantities beside the broker's, and differences that nobody has explained."""
    accounts.choose(session, account, None)
    held = holdings.read(session, account)
    found = beside.read(session, account, held.snapshot if held else None)
    books = found.books
    return BooksOut(
        account=account,
        compared_at=books.looked_at if books else None,
        read_at=books.read_at if books else None,
        stream_since=books.stream_since if books else None,
        lines=[BooksLine.model_validate(each) for each in found.lines],
        drifts=_drifts(drift.unexplained(session, account)),
    )


@router.post("/portfolio/{account}/refresh")
def refresh(request: Request, _key: Operator, account: Account) -> PositionsOut:
    """Ask the broker now, which takes seconds."""
    refreshing.look(request.app.state.tools.broker, account)
    with transaction() as session:
        held = _held(session, account)
        rows = [_position(each) for each in held.rows]
        return PositionsOut(account=account, as_of=held.as_of, positions=rows)


@router.post("/portfolio/{account}/positions/{conid}/close", status_code=202)
def close_position(
    session: SessionDep,
    clock: ClockDep,
    _key: Trader,
    actor: ActorDep,
    account: Account,
    conid: Wide,
) -> ClosingOut:
    """Have shares closed that belong to no strategy."""
    made = closing_by_hand.close_position(session, clock, account=account, conid=conid, actor=actor)
    return ClosingOut.model_validate(made)


@router.post("/round-trips/{round_trip_id}/close", status_code=202)
def close_round_trip(
    session: SessionDep, clock: ClockDep, _key: Trader, actor: ActorDep, round_trip_id: Wide
) -> ClosingOut:
    """Cancel a trade's orders, see that they are gone, and take out what is held."""
    made = closing_by_hand.close_round_trip(session, clock, round_trip_id, actor)
    return ClosingOut.model_validate(made)


@router.get("/closings/{closing_id}")
def get_closing(session: SessionDep, _key: Reader, closing_id: Wide) -> ClosingOut:
    """How far a closing is."""
    found = session.get(Closing, closing_id)
    if found is None:
        raise NotFound(f"There is no closing {closing_id}.")
    return ClosingOut.model_validate(found)


@router.post("/drifts/{drift_id}/explain")
def explain_drift(
    session: SessionDep,
    clock: ClockDep,
    _key: Trader,
    actor: ActorDep,
    drift_id: Id,
    explanation: Explanation,
) -> DriftOut:
    """Take a difference as explained: our books follow the broker's, and orders go out again."""
    row = explaining.explain(
        session, clock, drift_id, explanation.reason, actor, closes=explanation.closes
    )
    return DriftOut.model_validate(row)


def _held(session: Session, account: str) -> Holdings:
    accounts.choose(session, account, None)
    held = holdings.read(session, account)
    if held is None:
        raise NotFound(f"Nobody has looked at {account} yet. Ask for a refresh.")
    return held


def _drifts(rows: Sequence[Drift]) -> list[DriftOut]:
    return [DriftOut.model_validate(each) for each in rows]


def _position(row: Holding) -> PositionOut:
    return PositionOut(
        **vars(row.position),
        share_of_equity=row.share,
        risk_to_stop=row.risk,
        unprotected=row.unprotected,
        others=row.others,
        parts=[_part(each) for each in row.parts],
    )


def _part(part: Part) -> PartOut:
    return PartOut(
        round_trip_id=part.trip.id,
        strategy_id=part.trip.strategy_id,
        strategy_name=part.trip.strategy_name,
        execution_id=part.trip.execution_id,
        quantity=part.quantity,
        entry_price=part.trip.entry_price,
        stops=[stop.stop_price for stop in part.stops if stop.stop_price is not None],
        unprotected=part.unprotected,
        risk_to_stop=part.risk,
        unrealized_pnl=part.unrealized,
        r=part.r,
        closing_id=part.closing.id if part.closing else None,
    )
