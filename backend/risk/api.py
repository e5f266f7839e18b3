"""REST for limits above the strategies and for the kill switch."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from backend.core.database import SessionDep
from backend.portfolio import halts, limits
from backend.portfolio.halt_progress import Progress
from backend.portfolio.models import HaltRow, LimitsVersion, Scope
from backend.portfolio.orders.models import ClosingState
from backend.risk import service as risk
from backend.risk import switches
from backend.risk.service import Target
from backend.risk.switches import Switch
from backend.trading.oversight import Meaning
from backend.web.security import Operator, Reader, Trader
from backend.web.state import ActorDep, ClockDep

router = APIRouter(prefix="/api/risk")

Account = Annotated[str, Path(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._-]+$")]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class LimitsOut(BaseModel):
    account: str = Field(description="Empty for the limits of everything.")
    version: int = Field(description="0 before anybody set any; pass it as `based_on`.")
    limits: dict[str, Any] = Field(description="Those that are set, by name.")
    changed_at: datetime | None
    changed_by: str | None


class AllLimits(BaseModel):
    everything: LimitsOut
    accounts: list[LimitsOut]


class NewLimits(Strict):
    limits: dict[str, Any] = Field(description="All that shall be set; the rest is taken off.")
    based_on: int | None = Field(
        None, ge=0, le=2**31 - 1, description="Refuse when another version is in force."
    )


class HaltTarget(Strict):
    """Neither means everything."""

    account: str | None = Field(None, min_length=1, max_length=32)
    strategy_id: int | None = Field(None, ge=1, le=2**31 - 1)


class NewHalt(HaltTarget):
    meaning: Meaning = Field(
        "stop",
        description="stop: no new orders; cancel: also cancel what would open or add to a position;"
        " flatten: cancel everything and close every position.",
    )
    reason: str = Field("", max_length=halts.LONGEST_REASON)


class Release(HaltTarget):
    confirmation: str = Field(
        max_length=100, description="As `release everything`, `release account ID`."
    )


class HaltOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    scope: Scope
    target: str
    meaning: Meaning
    reason: str
    since: datetime | None
    by: str
    sentence: str


class CancelledOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    order_id: str
    sentence: str
    asked_at: datetime
    gone_at: datetime | None = Field(description="When the broker showed it as over.")
    became: str


class ClosingOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    symbol: str
    round_trip_id: int | None
    state: ClosingState
    outcome: str
    order_id: int | None = Field(description="The one order that closes it.")


class ProgressOut(BaseModel):
    account: str
    looked_at: datetime
    verified_at: datetime | None = Field(
        description="Since when the broker shows nothing left; null while something is."
    )
    cancelled: list[CancelledOut]
    closings: list[ClosingOut]
    left: list[str]
    trouble: list[str] = Field(description="What a person has to mend.")


class SwitchOut(HaltOut):
    progress: list[ProgressOut] = Field(description="Empty for a switch that only stops.")


class HaltsOut(BaseModel):
    halts: list[SwitchOut]


@router.get("/limits")
def get_limits(session: SessionDep, _key: Reader) -> AllLimits:
    """What is set for everything and for each account; strategies hold theirs themselves."""
    everything = _limits(limits.EVERYTHING, limits.newest(session, limits.EVERYTHING))
    named = limits.accounts(session)
    accounts = [_limits(each, limits.newest(session, each)) for each in named]
    return AllLimits(everything=everything, accounts=accounts)


@router.put("/limits/everything")
def set_limits(
    session: SessionDep, clock: ClockDep, _key: Trader, actor: ActorDep, new: NewLimits
) -> LimitsOut:
    """Put these in force for all accounts and strategies, from the next risk check on."""
    return _save(session, clock, limits.EVERYTHING, actor, new)


@router.put("/limits/accounts/{account}")
def set_account_limits(
    session: SessionDep,
    clock: ClockDep,
    _key: Trader,
    actor: ActorDep,
    account: Account,
    new: NewLimits,
) -> LimitsOut:
    """Put these in force for one account, from the next risk check on."""
    return _save(session, clock, risk.known_account(session, account), actor, new)


@router.get("/halts")
def get_halts(session: SessionDep, _key: Reader) -> HaltsOut:
    """Every kill switch that is pulled, and how far each got; that of the file among them."""
    return HaltsOut(halts=[_switch(each) for each in switches.pulled(session)])


@router.post("/halts", status_code=201)
def pull_halt(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, new: NewHalt
) -> HaltOut:
    """
    Stop new orders at once, and have done what else it means. One that is pulled already can be
    made to mean more, never less.
    """
    wanted = _target(session, new)
    row = halts.pull(
        session,
        clock,
        scope=wanted.scope,
        target=wanted.target,
        meaning=new.meaning,
        reason=new.reason,
        actor=actor,
    )
    return _halt(row)


@router.post("/halts/release")
def release_halt(
    session: SessionDep, clock: ClockDep, _key: Trader, actor: ActorDep, release: Release
) -> HaltOut:
    """Let new orders out again. The file of the data folder is released where it lies."""
    wanted = _target(session, release)
    row = halts.release(
        session,
        clock,
        scope=wanted.scope,
        target=wanted.target,
        typed=release.confirmation,
        actor=actor,
    )
    return _halt(row)


def _target(session: SessionDep, asked: HaltTarget) -> Target:
    strategy = None if asked.strategy_id is None else str(asked.strategy_id)
    return risk.target(session, account=asked.account, strategy=strategy)


def _save(
    session: SessionDep, clock: ClockDep, account: str, actor: str, new: NewLimits
) -> LimitsOut:
    row = limits.save(
        session,
        clock,
        account=account,
        limits=limits.checked(new.limits),
        actor=actor,
        based_on=new.based_on,
    )
    return _limits(account, row)


def _limits(account: str, row: LimitsVersion | None) -> LimitsOut:
    return LimitsOut(
        account=account,
        version=row.number if row else 0,
        limits=row.document["limits"] if row else {},
        changed_at=row.created_at if row else None,
        changed_by=row.created_by if row else None,
    )


def _switch(switch: Switch) -> SwitchOut:
    progress = [_progress(each) for each in switch.progress]
    told = HaltOut.model_validate(switch.halt).model_dump()
    return SwitchOut(**told, progress=progress)


def _progress(each: Progress) -> ProgressOut:
    return ProgressOut(
        account=each.account,
        looked_at=each.looked_at,
        verified_at=each.verified_at,
        cancelled=[CancelledOut.model_validate(order) for order in each.work.cancelled],
        closings=[ClosingOut.model_validate(closing) for closing in each.closings],
        left=list(each.work.left),
        trouble=list(each.work.trouble),
    )


def _halt(row: HaltRow) -> HaltOut:
    return HaltOut.model_validate(halts.as_value(row))
