"""
The kill switch in its first meaning: no new orders, for everything, an account or a strategy.

The file `HALT` in `GLASSBOX_HOME` stops everything as well, without web process and database.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.core.settings import settings
from backend.portfolio.models import HaltRow, Scope
from backend.trading.oversight import Halt
from backend.web import audit

LONGEST_REASON = 500
ALL_WORD = "everything"


def pull(
    session: Session,
    clock: Clock,
    *,
    scope: Scope,
    target: str = "",
    reason: str,
    actor: str,
) -> HaltRow:
    """
    Stop new orders from now on; raises `Conflict` where they are stopped already.

    Whether the account or strategy exists is the caller's to know.
    """
    reason = reason.strip()
    if len(reason) > LONGEST_REASON:
        raise InvalidInput(f"Give a reason of at most {LONGEST_REASON} characters.", field="reason")
    row = HaltRow(
        scope=scope, target=target, reason=reason, at=clock.now(), by=actor, released_at=None
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        raise Conflict(
            f"{as_value(row).sentence.partition(' is halted')[0]} is halted already.",
            code="halted_already",
        ) from None
    audit.record(
        session,
        clock,
        actor=actor,
        action="halt.pulled",
        subject=name_of(scope, target),
        after={"reason": reason},
    )
    return row


def release(
    session: Session,
    clock: Clock,
    *,
    scope: Scope,
    target: str = "",
    typed: str,
    actor: str,
) -> HaltRow:
    """
    Let orders out again.

    `typed` is what a person wrote to confirm: raises `InvalidInput` unless it is what
    `confirmation` says, and `NotFound` where nothing is halted.
    """
    require_words(typed, confirmation(scope, target))
    row = session.scalar(
        select(HaltRow)
        .where(HaltRow.scope == scope, HaltRow.target == target, HaltRow.released_at.is_(None))
        .with_for_update()
    )
    if row is None:
        raise NotFound(f"Nothing is halted for {name_of(scope, target)}.")
    row.released_at, row.released_by = clock.now(), actor
    audit.record(
        session,
        clock,
        actor=actor,
        action="halt.released",
        subject=name_of(scope, target),
        before={"reason": row.reason, "since": row.at, "by": row.by},
    )
    return row


def require_words(typed: str, wanted: str) -> None:
    """Raises `InvalidInput` unless a person typed what was asked for."""
    if typed.strip().lower() != wanted.lower():
        raise InvalidInput(
            f"To let orders out again, type {wanted!r} as the confirmation.", field="confirmation"
        )


def name_of(scope: Scope, target: str) -> str:
    """As audit and messages name it."""
    return ALL_WORD if scope == "all" else f"{scope} {target}"


def confirmation(scope: Scope, target: str) -> str:
    """What a person has to type to release it."""
    return f"release {name_of(scope, target)}"


def in_force(session: Session) -> Sequence[HaltRow]:
    """Every switch that is pulled now, the widest first."""
    pulled = select(HaltRow).where(HaltRow.released_at.is_(None)).order_by(HaltRow.id)
    scopes = ("all", "account", "strategy")
    return sorted(session.scalars(pulled), key=lambda row: scopes.index(row.scope))


def as_value(row: HaltRow) -> Halt:
    return Halt(scope=row.scope, target=row.target, reason=row.reason, since=row.at, by=row.by)


# --- the file ------------------------------------------------------------------------------------


def file() -> Path:
    """Its mere existence is the switch; what it says is the reason."""
    return settings().home.absolute() / "HALT"


def by_file(path: Path) -> Halt | None:
    """A file that cannot be looked at counts as one that is there: better halted than sorry."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f"whether there is such a file cannot be seen ({error.strerror})"
        return Halt(scope="all", reason=reason, since=None, by=f"the file {path}")
    since = datetime.fromtimestamp(status.st_mtime, UTC)
    return Halt(scope="all", reason=_text(path), since=since, by=f"the file {path}")


def write_file(path: Path, reason: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(f"{reason.strip()}\n")


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(LONGEST_REASON).strip()
    except OSError:
        return ""
