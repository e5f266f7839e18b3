"""What ran, what each step of it asked for and found, and what the models cost."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from backend.brokers.base import SessionStatus
from backend.core.database import Model
from backend.workflow.outcome import Outcome


class Status(StrEnum):
    QUEUED = "queued"  #: waiting for a worker
    RUNNING = "running"  #: a worker holds the lease
    PARKED = "parked"  #: the broker's session or another part is away; goes on when it is back
    WAITING = "waiting"  #: somebody was asked; goes on with the answer, or once it is too late
    FINISHED = "finished"  #: has its outcome


class Trigger(StrEnum):
    CRON = "cron"  #: its time had come
    PLAY = "play"  #: the button on a page
    API = "api"  #: a program asked
    CLI = "cli"  #: a person asked in the terminal
    REPLAY = "replay"  #: a past one is run again on what it recorded; nothing goes out


class RecordStatus(StrEnum):
    FINISHED = "finished"  #: found what it was to find
    ENDED = "ended"  #: found a reason to end the execution
    SKIPPED = "skipped"  #: did not run; the reason says why
    PARKED = "parked"  #: met a session that was down, or asked somebody; it is run again
    FAILED = "failed"  #: broke
    INTERRUPTED = "interrupted"  #: its worker was lost before it could record anything


REASON_WORDS: ColumnElement[Any] = literal_column(
    "to_tsvector('simple'::regconfig, (COALESCE(reason, ''::character varying)::text || ' '::text)"
    " || COALESCE(reason_code, ''::character varying)::text)"
)
"""What a search by words looks through, spelled as the database spells it in the index."""


class Execution(Model):
    """
    One run of one strategy version for one symbol at one due time.

    The row is the message of record: the queue carries only its id. `lease_token` fences: a worker
    that lost its lease can no longer write. `record_count` and `chain_head` close the chain of
    lineage records, so that a record cut off its end is missed.

    A replay is an execution too, of the same strategy, symbol and due time as the one it replays;
    what keeps executions apart from each other does not see it.
    """

    __tablename__ = "executions"
    __table_args__ = (
        Index(
            "executions_once",
            "strategy_id",
            "symbol",
            "due_at",
            unique=True,
            postgresql_where=text("replay_of IS NULL"),
        ),
        Index(
            "executions_one_unfinished",
            "strategy_id",
            "symbol",
            unique=True,
            postgresql_where=text("status <> 'finished' AND replay_of IS NULL"),
        ),
        Index(
            "executions_replays",
            "replay_of",
            "id",
            postgresql_where=text("replay_of IS NOT NULL"),
        ),
        CheckConstraint("(trigger = 'replay') = (replay_of IS NOT NULL)", name="replay_has_source"),
        Index(
            "executions_unfinished",
            "status",
            "lease_until",
            postgresql_where=text("status <> 'finished'"),
        ),
        # Partial, so that counts without replays read the index alone.
        Index("executions_by_outcome", "outcome", "id", postgresql_where=text("replay_of IS NULL")),
        Index("executions_by_strategy", "strategy_id", "id"),
        Index("executions_by_symbol", "symbol", "id"),
        Index("executions_by_creation", "created_at"),
        Index(
            "executions_by_reason",
            "reason_code",
            "id",
            postgresql_where=text("reason_code IS NOT NULL"),
        ),
        Index("executions_by_words", REASON_WORDS, postgresql_using="gin"),
        Index(
            "executions_that_ordered",
            "finished_at",
            postgresql_where=text("outcome IN ('ordered', 'observed')"),
        ),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    strategy_id: Mapped[int] = mapped_column(ForeignKey("strategies.id"))
    strategy_version_id: Mapped[int] = mapped_column(ForeignKey("strategy_versions.id"))
    symbol: Mapped[str]
    due_at: Mapped[datetime]
    trigger: Mapped[Trigger]
    requested_by: Mapped[str]
    prompt_versions: Mapped[dict[str, Any]]
    """Prompt kind -> id of the prompt version in force when the execution was made."""

    replay_of: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("executions.id"))
    """The execution whose record this one is run on; None for one that met the world."""
    replay_from: Mapped[str | None]
    """The first step that is run again; what comes before it is taken over."""
    changes: Mapped[dict[str, Any] | None]
    """What a replay does differently; written and read by `changes.Changes`."""

    status: Mapped[Status] = mapped_column(default=Status.QUEUED)
    outcome: Mapped[Outcome | None]
    reason_code: Mapped[str | None]
    reason: Mapped[str | None]
    created_at: Mapped[datetime]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]

    lease_token: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    wake_at: Mapped[datetime | None]
    """When one that waits is run again, with or without an answer. Set meanwhile, by an answer that
    comes before the question is on record."""
    current_step: Mapped[str | None]
    current_attempt: Mapped[int | None]
    current_step_started_at: Mapped[datetime | None]

    record_count: Mapped[int] = mapped_column(default=0)
    chain_head: Mapped[str]
    signal_action: Mapped[str | None]
    is_simulated: Mapped[bool | None]
    """Whether the broker's prices and money were invented; None before the first step."""
    tokens: Mapped[int] = mapped_column(default=0)
    cost_usd: Mapped[Decimal] = mapped_column(default=Decimal(0))


class LineageRecord(Model):
    """
    One attempt at one step; appended, never changed. `hash` covers every other column and
    `previous_hash`. The table is partitioned by the month of `recorded_at`.
    """

    __tablename__ = "workflow_lineage"
    __table_args__ = (
        Index("workflow_lineage_by_execution", "execution_id", "sequence"),
        Index("workflow_lineage_by_step", "step", "status", "recorded_at"),
        Index(
            "workflow_lineage_by_reason",
            "reason_code",
            "recorded_at",
            postgresql_where=text("reason_code IS NOT NULL"),
        ),
        Index(
            "workflow_lineage_by_output",
            "output",
            postgresql_using="gin",
            postgresql_ops={"output": "jsonb_path_ops"},
            postgresql_where=text("step IN ('form_view', 'generate_signal')"),
        ),
        {"postgresql_partition_by": "RANGE (recorded_at)"},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    recorded_at: Mapped[datetime] = mapped_column(primary_key=True)
    execution_id: Mapped[int] = mapped_column(BigInteger)
    sequence: Mapped[int]
    step: Mapped[str]
    attempt: Mapped[int]
    status: Mapped[RecordStatus]
    outcome: Mapped[Outcome | None]
    """Of the execution, in the record that ended it."""
    reason_code: Mapped[str | None]
    reason: Mapped[str | None]
    input: Mapped[dict[str, Any]]
    output: Mapped[dict[str, Any] | None]
    artifacts: Mapped[list[dict[str, Any]]]
    notes: Mapped[list[dict[str, Any]]]
    tokens: Mapped[int] = mapped_column(default=0)
    cost_usd: Mapped[Decimal] = mapped_column(default=Decimal(0))
    started_at: Mapped[datetime]
    seconds: Mapped[float]
    actor: Mapped[str]
    code_version: Mapped[str]
    previous_hash: Mapped[str]
    hash: Mapped[str]


class ArtifactRow(Model):
    """What kind of bytes an artifact is, for those who only know its hash."""

    __tablename__ = "artifacts"

    sha256: Mapped[str] = mapped_column(primary_key=True)
    content_type: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime]


class AiDay(Model):
    """What the models may still use today (UTC): reserved before a call, settled after it."""

    __tablename__ = "ai_days"

    day: Mapped[date] = mapped_column(primary_key=True)
    tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    cost_usd: Mapped[Decimal] = mapped_column(default=Decimal(0))


class AiReservation(Model):
    """A model call under way; one that is never settled goes on counting at its worst case."""

    __tablename__ = "ai_reservations"

    id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(ForeignKey("ai_days.day"))
    tokens: Mapped[int]
    cost_usd: Mapped[Decimal]


class SavedView(Model):
    """A set of filters of the executions list that a person gave a name."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("owner", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[str]
    name: Mapped[str]
    query: Mapped[str]
    """As in the address, without the place in the list."""
    created_at: Mapped[datetime]


class GatewayState(Model):
    """
    How the broker's gateway stood, from `at` until it was last seen so.

    A row is added when the state changes, and after a time in which nobody looked.
    """

    __tablename__ = "gateway_states"
    __table_args__ = (Index("gateway_states_by_time", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    last_seen_at: Mapped[datetime]
    status: Mapped[SessionStatus]
    detail: Mapped[str]
    account: Mapped[str | None]
    is_paper: Mapped[bool | None]
    """As the gateway reports the account; None while it names none."""
    is_simulated: Mapped[bool]
    login_expires_at: Mapped[datetime | None]


class AnswerRow(Model):
    """An analyst's earlier answer by the hash of the exact request; used only where asked for."""

    __tablename__ = "answers"

    request_hash: Mapped[str] = mapped_column(primary_key=True)
    answer: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
