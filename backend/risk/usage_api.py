"""REST for how much of each limit is used, and for what limits refused."""

from datetime import datetime
from decimal import Decimal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from backend.core.database import SessionDep
from backend.risk import service as risk
from backend.risk import view
from backend.web.security import Reader
from backend.web.state import ClockDep

router = APIRouter(prefix="/api/risk")


class LimitUse(BaseModel):
    name: str
    allowed: str = Field(description="The limit as a person reads it.")
    used: Decimal | None = Field(
        description="Null for a limit that is measured for each order alone."
    )
    limit: Decimal | None
    share: Decimal = Field(description="Used over limit; 1 is all of it.")


class LevelUse(BaseModel):
    account: str = Field(description="Empty for everything: the account nearest to each limit.")
    limits: list[LimitUse]


class AccountSeen(BaseModel):
    account: str
    at: datetime = Field(description="When the broker was asked.")
    currency: str
    is_simulated: bool
    equity: Decimal
    day_pnl: Decimal | None
    drawdown: Decimal = Field(description="Below the peak, as a fraction.")
    gross_exposure: Decimal | None
    open_positions: int


class Usage(BaseModel):
    accounts: list[AccountSeen]
    levels: list[LevelUse]
    orders_today: int = Field(description="Of all strategies, since midnight in New York.")


class RefusalOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    code: str | None
    count: int
    newest: int = Field(description="The newest execution that it ended.")


class Refusals(BaseModel):
    refusals: list[RefusalOut]


@router.get("/usage")
def get_usage(session: SessionDep, clock: ClockDep, _key: Reader) -> Usage:
    """How much of each limit is used, by what was seen of the accounts last."""
    orders = view.orders_today(clock.now())
    seen = view.seen(session, clock.now(), orders)
    levels = view.levels(session, risk.accounts(session), seen, orders)
    return Usage(
        accounts=[_account(each) for each in seen],
        levels=[
            LevelUse(account=level.account, limits=[_use(row) for row in level.rows])
            for level in levels
        ],
        orders_today=len(orders),
    )


@router.get("/refusals")
def get_refusals(session: SessionDep, clock: ClockDep, _key: Reader) -> Refusals:
    """What blocked executions in the last 30 days, by its code, the most frequent first."""
    found = risk.refusals(session, clock.now())
    return Refusals(refusals=[RefusalOut.model_validate(each) for each in found])


def _account(each: view.Seen) -> AccountSeen:
    snapshot = each.snapshot
    return AccountSeen(
        account=snapshot.account,
        at=snapshot.at,
        currency=snapshot.currency,
        is_simulated=snapshot.is_simulated,
        equity=snapshot.equity,
        day_pnl=snapshot.day_pnl,
        drawdown=each.drawdown,
        gross_exposure=snapshot.gross_exposure,
        open_positions=snapshot.open_positions,
    )


def _use(row: view.Row) -> LimitUse:
    return LimitUse(
        name=row.name, allowed=row.allowed, used=row.used, limit=row.limit, share=row.share
    )
