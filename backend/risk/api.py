"""REST for limits above the strategies and for the kill switch."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from backend.core.database import SessionDep
from backend.portfolio import halts, limits
from backend.portfolio.models import HaltRow, LimitsVersion, Scope
from backend.risk import service as risk
from backend.risk.service import Target
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
    reason: str = Field("", max_length=halts.LONGEST_REASON)


class Release(HaltTarget):
    confirmation: str = Field(
        max_length=100, description="As `release everything`, `release account ID`."
    )


class HaltOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    scope: Scope
    target: str
    reason: str
    since: datetime | None
    by: str
    sentence: str


class HaltsOut(BaseModel):
    halts: list[HaltOut]


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
    """Every kill switch that is pulled, that of the data folder's file among them."""
    by_file = halts.by_file(halts.file())
    found = [by_file] if by_file is not None else []
    found += [halts.as_value(row) for row in halts.in_force(session)]
    return HaltsOut(halts=[HaltOut.model_validate(each) for each in found])


@router.post("/halts", status_code=201)
def pull_halt(
    session: SessionDep, clock: ClockDep, _key: Operator, actor: ActorDep, new: NewHalt
) -> HaltOut:
    """Stop new orders at once. What works at the broker is left alone."""
    wanted = _target(session, new)
    row = halts.pull(
        session,
        clock,
        scope=wanted.scope,
        target=wanted.target,
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


def _halt(row: HaltRow) -> HaltOut:
    return HaltOut.model_validate(halts.as_value(row))
