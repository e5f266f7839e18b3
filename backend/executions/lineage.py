"""
The lineage table: append-only, hash-chained, one row per step attempt.

Each record's hash covers its own content and the hash before it; the first one continues the
execution's own `genesis`. The execution row keeps the number of records and the newest hash, so
that a changed, removed, reordered or cut-off record is found by `verify`.
"""

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from backend.core.database import Prepared
from backend.core.errors import Conflict
from backend.core.hashing import canonical_json, sha256_hex
from backend.core.redaction import redact
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status
from backend.storage.base import Artifact
from backend.workflow.outcome import Outcome

DOCUMENT_VERSION = 1
CLOCKS_APART = timedelta(days=1)
"""How far the clocks of the machines that make and run executions may differ, generously."""


class LeaseLost(Conflict):
    """Another worker took the execution over; what this one did since does not count."""

    code = "lease_lost"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What one attempt at one step has to say."""

    step: str
    attempt: int
    status: RecordStatus
    outcome: Outcome | None = None
    reason_code: str | None = None
    reason: str | None = None
    input: dict[str, Any] = field(default_factory=dict)
    output: dict[str, Any] | None = None
    artifacts: list[Artifact] = field(default_factory=list)
    notes: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    cost_usd: Decimal = Decimal(0)
    started_at: datetime
    recorded_at: datetime
    seconds: float
    actor: str
    code_version: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What the execution row says once the record stands: the next step, or the end."""

    next_step: str | None = None
    next_attempt: int | None = None
    status: Status = Status.RUNNING
    outcome: Outcome | None = None
    reason_code: str | None = None
    reason: str | None = None
    wake_at: datetime | None = None
    signal_action: str | None = None
    is_simulated: bool | None = None


@dataclass(frozen=True)
class Chain:
    """The end of an execution's chain, and the token that allows to lengthen it."""

    execution_id: int
    token: str
    record_count: int
    head: str


def genesis(execution: Execution) -> str:
    """The hash that the first record continues: of what the execution was asked to do."""
    return sha256_hex(canonical_json(asked(execution)))


def asked(execution: Execution) -> dict[str, Any]:
    """What the execution was asked to do."""
    names = _ASKED if execution.replay_of is None else (*_ASKED, *_ASKED_OF_REPLAYS)
    asked = {name: getattr(execution, name) for name in names}
    return asked | {"due_at": _moment(execution.due_at)}


_RUN = ("strategy_id", "strategy_version_id", "symbol", "due_at", "prompt_versions")
_ASKED = (*_RUN, "trigger", "requested_by")
_ASKED_OF_REPLAYS = ("replay_of", "replay_from", "changes")


# One statement for any number of records and artifacts: one round trip, and no window between a
# record and the execution's progress. Token and count fence: a worker that lost its lease, or a
# second try of a commit that went through, inserts nothing.
_APPEND = Prepared(
    "append_lineage",
    """
WITH moved AS (
  UPDATE executions SET
    record_count = record_count + :added, chain_head = :head, status = CAST(:status AS text),
    outcome = :outcome, reason_code = :reason_code, reason = :reason,
    current_step = CAST(:next_step AS text), current_attempt = :next_attempt,
    current_step_started_at = CASE WHEN CAST(:next_step AS text) IS NULL THEN NULL
      ELSE CAST(:now AS timestamptz) END,
    finished_at = CASE WHEN :status = 'finished' THEN CAST(:now AS timestamptz) END,
    lease_token = CASE WHEN :status = 'running' THEN lease_token END,
    lease_until = CASE WHEN :status = 'running' THEN lease_until END,
    wake_at = CASE WHEN :status = 'waiting' THEN LEAST(wake_at, CAST(:wake_at AS timestamptz)) END,
    signal_action = COALESCE(:signal_action, signal_action),
    is_simulated = COALESCE(:is_simulated, is_simulated),
    tokens = tokens + :tokens, cost_usd = cost_usd + :cost_usd
  WHERE id = :execution_id AND lease_token = :token AND record_count = :record_count
  RETURNING id
), remembered AS (
  INSERT INTO artifacts (sha256, content_type, size, created_at)
  SELECT DISTINCT ON (sha256) sha256, content_type, size, CAST(:now AS timestamptz)
  FROM moved, jsonb_to_recordset(CAST(:artifacts AS jsonb))
    AS artifact(sha256 text, content_type text, size bigint)
  ON CONFLICT DO NOTHING
)
INSERT INTO workflow_lineage (
  execution_id, sequence, step, attempt, status, outcome, reason_code, reason, input, output,
  artifacts, notes, tokens, cost_usd, started_at, recorded_at, seconds, actor, code_version,
  previous_hash, hash)
SELECT moved.id, sequence, step, attempt, status, outcome, reason_code, reason, input, output,
  artifacts, notes, tokens, cost_usd, started_at, recorded_at, seconds, actor, code_version,
  previous_hash, hash
FROM moved, jsonb_to_recordset(CAST(:records AS jsonb)) AS record(
  sequence int, step text, attempt int, status text, outcome text, reason_code text, reason text,
  input jsonb, output jsonb, artifacts jsonb, notes jsonb, tokens int, cost_usd numeric,
  started_at timestamptz, recorded_at timestamptz, seconds double precision, actor text,
  code_version text, previous_hash text, hash text)
""",
)


def append(connection: Connection, chain: Chain, entries: list[Entry], progress: Progress) -> Chain:
    """
    Add records, move the execution on, and return the longer chain; all of it or nothing.

    Raises `LeaseLost` when the execution is no longer this worker's.
    """
    records, head = [], chain.head
    for sequence, entry in enumerate(entries, start=chain.record_count):
        content = _content(chain.execution_id, sequence, entry)
        digest = record_hash(content, head)
        records.append({**content, "previous_hash": head, "hash": digest})
        head = digest
    artifacts = [artifact for record in records for artifact in record["artifacts"]]
    statement = {
        **_moved(progress),
        "execution_id": chain.execution_id,
        "token": chain.token,
        "record_count": chain.record_count,
        "added": len(records),
        "head": head,
        "now": entries[-1].recorded_at,
        "tokens": sum(entry.tokens for entry in entries),
        "cost_usd": sum((entry.cost_usd for entry in entries), Decimal(0)),
        "records": orjson.dumps(records).decode(),
        "artifacts": orjson.dumps(artifacts).decode(),
    }
    added = _APPEND.on(connection, statement).rowcount
    if added != len(records) and not _is_kept(connection, chain.execution_id, head):
        raise LeaseLost(f"Execution {chain.execution_id} was taken over by another worker.")
    return replace(chain, record_count=chain.record_count + len(records), head=head)


def _moved(progress: Progress) -> dict[str, Any]:
    return {
        "status": progress.status.value,
        "outcome": progress.outcome and progress.outcome.value,
        "reason_code": progress.reason_code,
        "reason": progress.reason and _storable(redact(progress.reason)),
        "next_step": progress.next_step,
        "next_attempt": progress.next_attempt,
        "wake_at": progress.wake_at,
        "signal_action": progress.signal_action,
        "is_simulated": progress.is_simulated,
    }


def for_lists(output: dict[str, Any] | None) -> dict[str, Any]:
    """What a step found that the execution's row repeats, so that lists need not read records."""
    found = output or {}
    return {
        "signal_action": (found.get("signal") or {}).get("action"),
        "is_simulated": found.get("is_simulated"),
    }


def record_hash(content: dict[str, Any], previous_hash: str) -> str:
    return sha256_hex(canonical_json({**content, "previous_hash": previous_hash}))


def content_of(record: LineageRecord) -> dict[str, Any]:
    """What a stored record's hash covers."""
    return {
        "document_version": DOCUMENT_VERSION,
        "execution_id": record.execution_id,
        "sequence": record.sequence,
        "step": record.step,
        "attempt": record.attempt,
        "status": record.status,
        "outcome": record.outcome,
        "reason_code": record.reason_code,
        "reason": record.reason,
        "input": record.input,
        "output": record.output,
        "artifacts": record.artifacts,
        "notes": record.notes,
        "tokens": record.tokens,
        "cost_usd": _money(record.cost_usd),
        "started_at": _moment(record.started_at),
        "recorded_at": _moment(record.recorded_at),
        "seconds": record.seconds,
        "actor": record.actor,
        "code_version": record.code_version,
    }


def read(session: Session, execution: Execution) -> list[LineageRecord]:
    """All records of an execution, oldest first."""
    return list(
        session.scalars(
            select(LineageRecord)
            .where(LineageRecord.execution_id == execution.id)
            # Nothing of an execution is older than itself: this lets PostgreSQL skip partitions.
            .where(LineageRecord.recorded_at >= execution.created_at - CLOCKS_APART)
            .order_by(LineageRecord.sequence, LineageRecord.id)
        )
    )


def _content(execution_id: int, sequence: int, entry: Entry) -> dict[str, Any]:
    return {
        "document_version": DOCUMENT_VERSION,
        "execution_id": execution_id,
        "sequence": sequence,
        "step": entry.step,
        "attempt": entry.attempt,
        "status": entry.status.value,
        "outcome": entry.outcome,
        "reason_code": entry.reason_code,
        "reason": entry.reason and _storable(redact(entry.reason)),
        "input": _storable(redact(entry.input)),
        "output": None if entry.output is None else _storable(redact(entry.output)),
        "artifacts": [vars(artifact) for artifact in entry.artifacts],
        "notes": _storable(redact(entry.notes)),
        "tokens": entry.tokens,
        "cost_usd": _money(entry.cost_usd),
        "started_at": _moment(entry.started_at),
        "recorded_at": _moment(entry.recorded_at),
        "seconds": entry.seconds,
        "actor": entry.actor,
        "code_version": entry.code_version,
    }


def _storable(value: Any) -> Any:
    """
    JSONB has no NaN, no NUL character and no lone surrogate; whole numbers beyond 64 bits, which
    JSON readers round, stay exact as text.
    """
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return str(value)
    if isinstance(value, str) and not value.isascii():
        value = value.encode("utf-8", "replace").decode()
    return value.replace("\0", "") if isinstance(value, str) else value


def _is_kept(connection: Connection, execution_id: int, digest: str) -> bool:
    """True when an earlier try of this very append was committed after all."""
    kept = select(LineageRecord.id).where(
        LineageRecord.execution_id == execution_id, LineageRecord.hash == digest
    )
    return connection.scalar(kept) is not None


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def _money(amount: Decimal) -> str:
    return f"{amount:.8f}"
