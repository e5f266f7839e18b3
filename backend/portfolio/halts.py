"""
The kill switch, for everything, an account or a strategy: no new orders, and what else it means.

`halting.py` carries out what is more than stopping. The file `HALT` in `GLASSBOX_HOME` is a switch
for everything, without web process and database.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.core.clock import Clock
from backend.core.database import after_commit
from backend.core.errors import Conflict, InvalidInput, NotFound
from backend.core.events import publish
from backend.core.settings import settings
from backend.notifications import service as notifications
from backend.notifications.events import Event
from backend.portfolio.models import HaltProgress, HaltRow, Scope
from backend.trading.oversight import IN_WORDS, MEANINGS, Halt, Meaning, is_stronger
from backend.web import audit

LONGEST_REASON = 500
ALL_WORD = "everything"
SUBJECT = "risk"
"""What watches it are told by this name."""


def pull(
    session: Session,
    clock: Clock,
    *,
    scope: Scope,
    target: str = "",
    meaning: Meaning = "stop",
    reason: str,
    actor: str,
    file_mark: str | None = None,
) -> HaltRow:
    """
    Stop new orders from now on, and have done what else it means.

    A switch that is pulled already is made to mean more; raises `Conflict` where it means as much
    already. Whether the account or strategy exists is the caller's to know.
    """
    row = HaltRow(
        scope=scope,
        target=target,
        meaning=meaning,
        reason=_checked_reason(reason),
        at=clock.now(),
        by=actor,
        released_at=None,
        file_mark=file_mark,
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return _strengthened(session, clock, row)
    audit.record(
        session,
        clock,
        actor=actor,
        action="halt.pulled",
        subject=name_of(scope, target),
        after={"reason": row.reason, "meaning": meaning},
    )
    _tell(session, clock, row)
    return row


def _checked_reason(reason: str) -> str:
    reason = reason.strip()
    if len(reason) > LONGEST_REASON:
        raise InvalidInput(f"Give a reason of at most {LONGEST_REASON} characters.", field="reason")
    return reason


def _strengthened(session: Session, clock: Clock, wanted: HaltRow) -> HaltRow:
    row = _pulled(session, wanted.scope, wanted.target)
    if row is None:
        raise Conflict("The switch was released a moment ago. Pull it again.", code="halt_moved")
    if not is_stronger(wanted.meaning, row.meaning):
        raise Conflict(
            f"{as_value(row).sentence.partition(' is halted')[0]} is halted already"
            f" ({row.meaning}).",
            code="halted_already",
        )
    audit.record(
        session,
        clock,
        actor=wanted.by,
        action="halt.strengthened",
        subject=name_of(row.scope, row.target),
        before={"meaning": row.meaning, "reason": row.reason, "by": row.by},
        after={"meaning": wanted.meaning, "reason": wanted.reason},
    )
    row.meaning, row.file_mark = wanted.meaning, wanted.file_mark or row.file_mark
    row.reason = wanted.reason or row.reason
    # What it meant before may be done; what it means now is not.
    session.execute(
        update(HaltProgress).where(HaltProgress.halt_id == row.id).values(verified_at=None)
    )
    _tell(session, clock, row)
    return row


def _tell(session: Session, clock: Clock, row: HaltRow) -> None:
    """Open pages hear of it; so do people, wherever they are."""
    after_commit(session, partial(publish, SUBJECT))
    session.flush()
    notifications.tell(
        session,
        clock,
        event=Event.HALT,
        key=f"halt {row.id} {row.meaning}",
        title=f"Halted: {name_of(row.scope, row.target)}",
        text=f"{as_value(row).sentence} {IN_WORDS[row.meaning]}",
        path="/risk",
    )


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
    row = _pulled(session, scope, target)
    if row is None:
        raise NotFound(f"Nothing is halted for {name_of(scope, target)}.")
    after_commit(session, partial(publish, SUBJECT))
    row.released_at, row.released_by = clock.now(), actor
    notifications.tell(
        session,
        clock,
        event=Event.HALT,
        key=f"halt {row.id} released",
        title=f"Released: {name_of(scope, target)}",
        text=f"{actor} lets orders out again.",
        path="/risk",
    )
    audit.record(
        session,
        clock,
        actor=actor,
        action="halt.released",
        subject=name_of(scope, target),
        before={
            "reason": row.reason,
            "since": row.at,
            "by": row.by,
            "meaning": row.meaning,
        },
    )
    return row


def _pulled(session: Session, scope: Scope, target: str) -> HaltRow | None:
    return session.scalar(
        select(HaltRow)
        .where(HaltRow.scope == scope, HaltRow.target == target, HaltRow.released_at.is_(None))
        .with_for_update()
    )


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
    return Halt(
        scope=row.scope,
        target=row.target,
        meaning=row.meaning,
        reason=row.reason,
        since=row.at,
        by=row.by,
    )


# --- the file ------------------------------------------------------------------------------------


def file() -> Path:
    """Its mere existence is the switch. Its first word may be what it means, the rest is why."""
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
    meaning, reason = _said(_text(path))
    return Halt(scope="all", meaning=meaning, reason=reason, since=since, by=f"the file {path}")


def _said(text: str) -> tuple[Meaning, str]:
    """What it means and why; a file that does not begin with a meaning stops, and no more."""
    first, *rest = text.split(maxsplit=1) or [""]
    for meaning in MEANINGS:
        if first.strip().rstrip(":.,").lower() == meaning:
            return meaning, "".join(rest)
    return "stop", text


def write_file(path: Path, reason: str, meaning: Meaning = "stop") -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(f"{meaning} {reason.strip()}".strip() + "\n")


def adopt_file(session: Session, clock: Clock, path: Path) -> HaltRow | None:
    """
    Let the file count as a switch of the database where it means more than to stop, so that it is
    carried out and its progress kept: each writing of it once, however often it is looked at.
    """
    found = by_file(path)
    if found is None or found.meaning == "stop" or found.since is None:
        return None
    mark = f"{found.since.isoformat()} {found.meaning}"
    if session.scalar(select(HaltRow.id).where(HaltRow.file_mark == mark)) is not None:
        return None
    try:
        return pull(
            session,
            clock,
            scope="all",
            meaning=found.meaning,
            reason=found.reason,
            actor=found.by,
            file_mark=mark,
        )
    except Conflict:
        # A person's switch means as much already: it stands for the file as well.
        if (row := _pulled(session, "all", "")) is not None:
            row.file_mark = mark
        return None


def _text(path: Path) -> str:
    try:
        with path.open(encoding="utf-8", errors="replace") as opened:
            return opened.read(LONGEST_REASON).strip()
    except OSError:
        return ""
