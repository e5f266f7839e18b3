"""REST: how things stand, in one answer."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.core.database import SessionDep
from backend.overview import due, money, runs
from backend.web.security import Reader
from backend.web.standing import Standing
from backend.web.state import ClockDep

router = APIRouter(prefix="/api")


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class GatewayOut(Out):
    label: str
    status: str
    detail: str
    account: str | None
    is_paper: bool | None
    is_simulated: bool
    as_of: datetime
    is_stale: bool = Field(description="Nobody has looked for some minutes.")
    login_expires_at: datetime | None


class DueOut(Out):
    strategy_id: int
    strategy: str
    symbols: list[str]
    at: datetime
    zone: str
    is_late: bool


class TroubleOut(BaseModel):
    execution_id: int = Field(description="The newest of them.")
    state: str
    strategy: str
    symbol: str
    reason_code: str | None
    reason: str | None
    count: int


class MoneyOut(Out):
    usd: Decimal
    usd_limit: Decimal
    tokens: int
    tokens_limit: int
    reserved_usd: Decimal
    reserved_tokens: int


class OverviewOut(BaseModel):
    as_of: datetime
    gateway: GatewayOut | None = Field(description="Null before anybody has looked.")
    runs_last_day: dict[str, int]
    troubles: list[TroubleOut]
    next_due: list[DueOut]
    ai_today: MoneyOut


@router.get("/overview")
def get_overview(
    request: Request, session: SessionDep, clock: ClockDep, _key: Reader
) -> OverviewOut:
    """What the first page shows."""
    now = clock.now()
    standing: Standing | None = request.app.state.standing()
    return OverviewOut(
        as_of=now,
        gateway=standing and GatewayOut.model_validate(standing),
        runs_last_day=runs.day(session, now).by_state,
        troubles=[TroubleOut(**_told(each)) for each in runs.troubles(session, now)],
        next_due=[DueOut.model_validate(each) for each in due.upcoming(session, now)],
        ai_today=MoneyOut.model_validate(money.today(session, now)),
    )


def _told(trouble: runs.Trouble) -> dict[str, Any]:
    newest = trouble.newest
    return {
        "execution_id": newest.id,
        "state": trouble.state,
        "strategy": trouble.strategy,
        "symbol": newest.symbol,
        "reason_code": newest.reason_code,
        "reason": newest.reason,
        "count": trouble.count,
    }
