"""The limits that people set above the strategies: for an account, or for everything."""

from typing import Any

from pydantic import ValidationError
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.errors import Conflict, InvalidInput, did_you_mean
from backend.portfolio.models import LimitsVersion
from backend.trading.limits import Limits, LimitsInForce
from backend.trading.risk.max_daily_loss import PULLS_NEEDS_LIMIT
from backend.web import audit

EVERYTHING = ""
"""Stands for an account where the limits of everything are meant."""

_LOCK = 7_160_233


class NewerLimits(Conflict):
    """Somebody saved limits after those that a change was made on."""

    code = "newer_limits"


def checked(document: Any) -> Limits:
    """Raises `InvalidInput` that names the limit and the mend."""
    try:
        limits = Limits.model_validate(document)
        if limits.daily_loss_pulls is not None and limits.max_daily_loss is None:
            raise InvalidInput(f"{PULLS_NEEDS_LIMIT}.", field="daily_loss_pulls")
        return limits
    except ValidationError as error:
        first, *others = error.errors(include_url=False)
        raise _refusal(first, len(others)) from None


def newest(session: Session, account: str) -> LimitsVersion | None:
    query = select(LimitsVersion).where(LimitsVersion.account == account)
    return session.scalar(query.order_by(LimitsVersion.number.desc()).limit(1))


def read(session: Session, account: str) -> Limits:
    """Those in force; none where nobody set any."""
    return stored(newest(session, account))


def stored(row: LimitsVersion | None) -> Limits:
    """Those of a saved version; none where nothing was saved."""
    return Limits() if row is None else Limits.model_validate(row.document["limits"])


def in_force(session: Session, account: str) -> LimitsInForce:
    """What an execution for this account has to keep beside its strategy's own limits."""
    return LimitsInForce(account=read(session, account), everything=read(session, EVERYTHING))


def accounts(session: Session) -> list[str]:
    """Those for which limits were ever set."""
    named = select(LimitsVersion.account).where(LimitsVersion.account != EVERYTHING).distinct()
    return sorted(session.scalars(named))


def save(
    session: Session,
    clock: Clock,
    *,
    account: str,
    limits: Limits,
    actor: str,
    based_on: int | None = None,
) -> LimitsVersion | None:
    """
    Put these in force and note who did; what is in force already is not saved again.

    Returns what is in force then, None where nothing was ever set. `based_on` is the number of
    the version that was changed, 0 for none: raises `NewerLimits` when that is not the newest.
    """
    # Of two who save at once, one comes second and sees what the first has done.
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    before = newest(session, account)
    number = before.number if before else 0
    if based_on is not None and based_on != number:
        raise NewerLimits(
            f"Version {number} of these limits was saved while you worked on version {based_on}."
            " Look at them, then make your change once more.",
            field="based_on",
        )
    old = stored(before)
    if limits == old:
        return before
    row = LimitsVersion(
        account=account,
        number=number + 1,
        document={"version": 1, "limits": _plain(limits)},
        created_at=clock.now(),
        created_by=actor,
    )
    session.add(row)
    audit.record(
        session,
        clock,
        actor=actor,
        action="limits.changed",
        subject=subject(account),
        before=_plain(old),
        after=_plain(limits),
    )
    return row


def subject(account: str) -> str:
    return f"account {account}" if account else "everything"


def _plain(limits: Limits) -> dict[str, Any]:
    return limits.model_dump(mode="json", exclude_none=True)


def _refusal(detail: Any, more: int) -> InvalidInput:
    path = ".".join(str(part) for part in detail["loc"] if not str(part).startswith("function-"))
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = f"There is no such limit{did_you_mean(path, Limits.model_fields)}"
    rest = f" (and {more} more)" if more else ""
    ending = "" if message.endswith("?") else "."
    return InvalidInput(f"{path or 'limits'}: {message}{ending}{rest}", field=path or None)
