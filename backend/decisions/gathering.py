"""
Makes decisions and questions out of lineage records, in the order in which they came; what a
replay says happened to nobody.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import RowMapping, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from backend.core.database import Model, transaction
from backend.core.errors import AppError
from backend.core.values import Bars
from backend.decisions.models import Decision, Question
from backend.executions.lineage import CLOCKS_APART
from backend.storage.base import Storage

AT_ONCE = 200
SHOWN_BARS = 40
"""Bars of the small line that stands in for a picture."""

# What is kept already is left out first: to look into a record's JSON costs far more than that.
_SIGNALS = text("""
WITH missing AS MATERIALIZED (
  SELECT id, recorded_at FROM workflow_lineage AS record
  WHERE step = 'generate_signal' AND status IN ('finished', 'ended') AND recorded_at >= :since
    AND NOT EXISTS (SELECT FROM decisions WHERE decisions.execution_id = record.execution_id))
SELECT signal.execution_id, recorded_at, signal.input, signal.output,
  execution.strategy_id, execution.strategy_version_id, execution.symbol,
  execution.is_simulated, talked.output AS talked, drawn.output AS drawn
FROM missing JOIN workflow_lineage AS signal USING (id, recorded_at)
JOIN executions AS execution ON execution.id = signal.execution_id
LEFT JOIN LATERAL (
  SELECT output FROM workflow_lineage AS record
  WHERE record.execution_id = signal.execution_id AND record.step = 'analyze_charts'
    AND record.output IS NOT NULL
  ORDER BY sequence DESC LIMIT 1) AS talked ON true
LEFT JOIN LATERAL (
  SELECT output FROM workflow_lineage AS record
  WHERE record.execution_id = signal.execution_id AND record.step = 'render_charts'
    AND record.output IS NOT NULL
  ORDER BY sequence DESC LIMIT 1) AS drawn ON true
WHERE execution.replay_of IS NULL AND signal.output ? 'signal' AND signal.input ? 'snapshots'
ORDER BY recorded_at LIMIT :count
""")

_TALKS = text("""
WITH missing AS MATERIALIZED (
  SELECT id, recorded_at FROM workflow_lineage AS record
  WHERE step IN ('analyze_charts', 'form_view') AND status IN ('finished', 'failed')
    AND recorded_at >= :since
    AND NOT EXISTS (
      SELECT FROM questions WHERE questions.execution_id = record.execution_id
        AND (questions.name = 'view') = (record.step = 'form_view')))
SELECT record.execution_id, recorded_at, execution.prompt_versions,
  COALESCE(record.output->'conversations', '[]'::jsonb)
    || COALESCE(NULLIF(jsonb_build_array(record.output->'view_conversation'), '[null]'), '[]')
    AS conversations
FROM missing JOIN workflow_lineage AS record USING (id, recorded_at)
JOIN executions AS execution ON execution.id = record.execution_id
WHERE execution.replay_of IS NULL AND execution.prompt_versions ? 'system'
  AND (record.output->'conversations'->0 IS NOT NULL
    OR jsonb_typeof(record.output->'view_conversation') = 'object')
ORDER BY recorded_at LIMIT :count
""")

_OUTCOMES = text("""
UPDATE decisions SET outcome = execution.outcome,
  has_plan = execution.outcome IN ('ordered', 'observed', 'rejected', 'expired')
FROM executions AS execution
WHERE decisions.outcome IS NULL AND execution.id = decisions.execution_id
  AND execution.outcome IS NOT NULL
""")


def gather(storage: Storage) -> int:
    """Keep the next `AT_ONCE` decisions and questions; returns how many rows that came to."""
    with transaction() as session:
        since = _since(session, Decision.recorded_at)
        found = session.execute(_SIGNALS, {"since": since, "count": AT_ONCE}).mappings().all()
        since = _since(session, Question.recorded_at)
        talks = session.execute(_TALKS, {"since": since, "count": AT_ONCE}).mappings().all()
    # Storage may be slow, so it is read without a transaction.
    decisions = [_decision(row, storage) for row in found]
    questions = [question for row in talks for question in _questions(row)]
    with transaction() as session:
        kept = _insert(session, Decision, decisions) + _insert(session, Question, questions)
        session.execute(_OUTCOMES)
    return kept


def _insert(session: Session, table: type[Model], rows: list[dict[str, Any]]) -> int:
    if not rows:
        return 0
    statement = insert(table).values(rows).on_conflict_do_nothing().returning(text("1"))
    return len(session.execute(statement).all())


def _since(session: Session, column: Any) -> datetime:
    """
    From where on records may be missing: a little before the newest that is kept, since workers'
    clocks differ and a long transaction's rows come late.
    """
    newest: datetime | None = session.scalar(select(func.max(column)))
    return newest - CLOCKS_APART if newest else datetime(1970, 1, 1, tzinfo=UTC)


def _decision(row: RowMapping, storage: Storage) -> dict[str, Any]:
    given, signal = row["input"], row["output"]["signal"]
    timeframe = given["chart_settings"][0]["timeframe"]
    snapshot = given["snapshots"][timeframe]
    chart = _chart(row["drawn"], timeframe)
    return {
        **{name: row[name] for name in ("execution_id", "recorded_at", "symbol")},
        **{name: row[name] for name in ("strategy_id", "strategy_version_id")},
        "is_simulated": bool(row["is_simulated"]),
        "conid": given["contract"]["conid"],
        "contract": given["contract"],
        "timeframe": timeframe,
        "as_of": datetime.fromisoformat(given["as_of"]),
        "last_bar_time": snapshot["last_time"],
        "last_close": Decimal(repr(snapshot["last_close"])),
        **_signal(signal),
        **_analyst(row["talked"]),
        **_claims(row["output"].get("claim_check")),
        "chart_sha256": chart,
        "closes": [] if chart else _closes(snapshot, storage),
        "next_look_at": datetime.fromisoformat(given["as_of"]) + timedelta(minutes=1),
    }


def _signal(signal: dict[str, Any]) -> dict[str, Any]:
    prices = ("entry", "stop", "reward_to_risk")
    confidence = signal["confidence"]
    return {
        **{name: signal[name] for name in ("action", "reason_code", "sentence")},
        **{name: None if signal[name] is None else Decimal(signal[name]) for name in prices},
        "confidence": None if confidence is None else float(confidence),
        "targets": list(signal["targets"]),
    }


def _analyst(talked: dict[str, Any] | None) -> dict[str, Any]:
    talks = (talked or {}).get("conversations") or []
    return {
        "analyst": (talks[0]["model"] or talks[0]["analyst"]) if talks else None,
        "is_rule_based": bool(talks) and talks[0]["is_rule_based"],
    }


def _claims(check: dict[str, Any] | None) -> dict[str, int]:
    claims = [*check["claims"], *check["levels"]] if check else []
    return {
        "claims": len(claims),
        "claims_wrong": sum(claim["verdict"] == "wrong" for claim in claims),
    }


def _chart(drawn: dict[str, Any] | None, timeframe: str) -> str | None:
    png = ((drawn or {}).get("charts") or {}).get(timeframe, {}).get("png")
    return png["sha256"] if png else None


def _closes(snapshot: dict[str, Any], storage: Storage) -> list[float]:
    try:
        bars = Bars.from_json(orjson.loads(storage.get(snapshot["bars"]["sha256"])))
    except AppError:
        # A lost artifact takes the small line, not the decision.
        return []
    closes: list[float] = bars.close[-SHOWN_BARS:].tolist()
    return closes


def _questions(row: RowMapping) -> list[dict[str, Any]]:
    versions = row["prompt_versions"]
    return [
        {
            "execution_id": row["execution_id"],
            "recorded_at": row["recorded_at"],
            "name": talk["timeframe"] or talk["kind"],
            "prompt_version_id": versions[talk["kind"]],
            "system_version_id": versions["system"],
            "tokens": talk["input_tokens"] + talk["output_tokens"],
            "cost_usd": Decimal(talk["cost_usd"]),
            **{name: talk[name] for name in _COPIED},
        }
        for talk in row["conversations"]
        if versions.get(talk["kind"])
    ]


_COPIED = ("analyst", "is_rule_based", "model", "seconds", "attempts", "reason_code")
