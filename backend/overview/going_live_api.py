"""REST for the way to real money: how it stands, and the confirmation of a live account."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.core.database import SessionDep
from backend.overview import going_live
from backend.overview.confirming import confirm
from backend.portfolio import live_trading
from backend.portfolio.models import LiveConfirmation
from backend.web.security import Operator, Reader, Trader
from backend.web.state import ActorDep, ClockDep

router = APIRouter(prefix="/api/live-trading")

AccountId = Annotated[str, Path(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._-]+$")]


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ItemOut(Out):
    name: str
    state: Literal["done", "open", "optional"]
    found: str


class PhaseOut(Out):
    name: str
    items: list[ItemOut]


class ConfirmationOut(Out):
    account: str
    confirmed_at: datetime
    confirmed_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None


class LiveAccountOut(Out):
    id: str
    is_named: bool = Field(description="In the setting LIVE_TRADING_ACCOUNTS.")
    is_reported_live: bool = Field(description="By the gateway's last answer.")
    confirmed: ConfirmationOut | None
    missing: list[str] = Field(description="What has to be done before a confirmation counts.")


class LiveTradingOut(BaseModel):
    phases: list[PhaseOut]
    accounts: list[LiveAccountOut]


class NewConfirmation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    confirmation: str = Field(max_length=200, description="As `trade real money in ID`.")


@router.get("")
def get_live_trading(request: Request, session: SessionDep, _key: Reader) -> LiveTradingOut:
    """The checklist from the simulated market to real money, and the live accounts."""
    standing = request.app.state.standing()
    return LiveTradingOut(
        phases=[PhaseOut.model_validate(each) for each in going_live.phases(session, standing)],
        accounts=[
            LiveAccountOut.model_validate(each) for each in going_live.accounts(session, standing)
        ],
    )


@router.post("/{account}/confirm", status_code=201)
def confirm_account(
    request: Request,
    clock: ClockDep,
    _key: Trader,
    actor: ActorDep,
    account: AccountId,
    new: NewConfirmation,
) -> ConfirmationOut:
    """Let orders of this live account out, as the gateway reports it at this moment."""
    row = confirm(request.app.state.tools.broker, clock, account, new.confirmation, actor)
    return _told(row)


@router.post("/{account}/withdraw")
def withdraw_account(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, account: AccountId
) -> ConfirmationOut:
    """No order goes to this account any more; those at the broker stay as they are."""
    return _told(live_trading.withdraw(session, clock, account=account, actor=actor))


def _told(row: LiveConfirmation) -> ConfirmationOut:
    return ConfirmationOut.model_validate(row)
