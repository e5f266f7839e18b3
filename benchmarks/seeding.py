"""
A house that has been lived in: many executions with their records, made by the database itself.

Rows look like real ones to lists, counts and plots. Hashes are random: no chain verifies.
"""

from datetime import datetime, timedelta

from sqlalchemy import text

from backend.core import database
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.executions import partitions
from backend.workflow.plan import STEP_NAMES
from benchmarks import stack

SYMBOLS = (
    *("AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "META", "TSLA", "AVGO", "JPM", "LLY"),
    *("XOM", "UNH", "V", "PG", "MA", "COST", "JNJ", "HD", "MRK", "ABBV"),
)
STRATEGIES = 20
UNFINISHED = 12
"""The newest ones: three queued, three running, six parked."""


def seed(clock: Clock, *, executions: int, records_per_execution: int = 13, days: int = 90) -> None:
    """Executions evenly over the last `days`, by 20 strategies on 20 symbols; tables analysed."""
    document = stack.example() | {"name": "Seeded", "symbols": list(SYMBOLS)}
    strategy = stack.save(clock, document, is_enabled=True)
    stack.copy(strategy, STRATEGIES - 1)
    now = clock.now()
    _ensure_months(now - timedelta(days=days), now)
    parameters = {
        "executions": executions,
        "records": records_per_execution,
        "now": now,
        "apart": timedelta(days=days) / executions,
        "symbols": list(SYMBOLS),
        "steps": list(STEP_NAMES),
        "unfinished": UNFINISHED,
    }
    with transaction() as session:
        session.execute(_EXECUTIONS, parameters)
        session.execute(_REST, parameters)
        if records_per_execution:
            session.execute(_RECORDS, parameters)
        session.execute(_DECISIONS)
        session.execute(_QUESTIONS)
    with database.statements() as connection:
        connection.execute(
            text("VACUUM ANALYZE executions, workflow_lineage, decisions, questions")
        )


def _ensure_months(first: datetime, last: datetime) -> None:
    month = first.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month <= last:
        partitions.ensure_month(month)
        month = (month + timedelta(days=32)).replace(day=1)


# The first row whose ceiling is above a throw of dice from 0 to 1 is how an execution ended.
_EXECUTIONS = text("""
WITH outcomes(ceiling, outcome, code, sentence, action) AS (VALUES
  (0.38, 'held', 'no_signal', 'Neither rules nor view ask for a trade.', 'HOLD'),
  (0.50, 'held', 'low_confidence', 'The view''s confidence of 0.55 is below 0.60.', 'HOLD'),
  (0.70, 'observed', 'observe_only', 'The mode observes: no order is sent.', 'BUY'),
  (0.76, 'observed', 'observe_only', 'The mode observes: no order is sent.', 'SELL'),
  (0.83, 'blocked', 'max_order_value', 'The order''s value is above the limit.', 'BUY'),
  (0.93, 'skipped', 'market_closed', 'XNYS has no session on this day.', NULL),
  (0.95, 'skipped', 'late', 'It is 45 minutes past the due time.', NULL),
  (0.98, 'failed', 'no_data', 'The gateway has no bars for this contract.', NULL),
  (1.01, 'failed', 'bug', 'Something went wrong in our own code.', NULL)
), strategy AS (
  SELECT strategy_id, version_id, row_number() OVER (ORDER BY strategy_id) - 1 AS place,
    count(*) OVER () AS strategies
  FROM (SELECT DISTINCT ON (strategy_id) strategy_id, id AS version_id
        FROM strategy_versions ORDER BY strategy_id, number DESC) AS newest
), made AS (
  SELECT number, CAST(:now AS timestamptz) - (:executions - number) * CAST(:apart AS interval)
      - interval '1 second' AS due_at,
    random() AS dice, exp(random() * 3 - 1) AS seconds
  FROM generate_series(1, :executions) AS number
)
INSERT INTO executions (strategy_id, strategy_version_id, symbol, due_at, trigger, requested_by,
  prompt_versions, status, outcome, reason_code, reason, created_at, started_at, finished_at,
  sent_at, record_count, chain_head, signal_action, is_simulated, tokens, cost_usd)
SELECT strategy_id, version_id,
  (CAST(:symbols AS text[]))[1 + (number / strategies) % cardinality(CAST(:symbols AS text[]))],
  due_at, CASE WHEN number % 25 = 0 THEN 'play' ELSE 'cron' END,
  CASE WHEN number % 25 = 0 THEN 'person:owner' ELSE 'schedule' END, '{}', 'finished', outcome,
  code, sentence, due_at, due_at + interval '200 ms',
  due_at + interval '200 ms' + seconds * interval '1 second', due_at, :records, md5(number::text),
  action, true, (2000 + 3000 * dice)::int, 0.001 + 0.004 * dice
FROM made JOIN strategy ON place = number % strategies
JOIN LATERAL (SELECT * FROM outcomes WHERE ceiling > dice ORDER BY ceiling LIMIT 1) AS o ON true
ORDER BY number
""")

_REST = text("""
WITH newest AS (
  SELECT id, row_number() OVER (ORDER BY id DESC) AS place FROM executions
  ORDER BY id DESC LIMIT :unfinished
)
UPDATE executions SET outcome = NULL, finished_at = NULL,
  status = CASE WHEN place <= 3 THEN 'queued' WHEN place <= 6 THEN 'running' ELSE 'parked' END,
  started_at = CASE WHEN place <= 3 THEN NULL ELSE started_at END,
  current_step = CASE WHEN place BETWEEN 4 AND 6 THEN 'fetch_bars' END,
  lease_until = CASE WHEN place BETWEEN 4 AND 6 THEN :now + interval '1 hour' END,
  reason_code = CASE WHEN place > 6 THEN 'logged_out' END,
  reason = CASE WHEN place > 6
    THEN 'Nobody is logged in to the gateway; log in through its page.' END
FROM newest WHERE newest.id = executions.id
""")

_RECORDS = text("""
INSERT INTO workflow_lineage (recorded_at, execution_id, sequence, step, attempt, status, outcome,
  reason_code, reason, input, output, artifacts, notes, tokens, cost_usd, started_at, seconds,
  actor, code_version, previous_hash, hash)
SELECT created_at + sequence * interval '50 ms', id, sequence,
  (CAST(:steps AS text[]))[1 + (sequence - 1) % cardinality(CAST(:steps AS text[]))],
  1 + (sequence - 1) / cardinality(CAST(:steps AS text[])),
  CASE WHEN sequence > 10 THEN 'skipped' WHEN sequence < 10 THEN 'finished' ELSE 'ended' END,
  CASE WHEN sequence = 10 THEN outcome END,
  CASE WHEN sequence >= 10 THEN reason_code END, CASE WHEN sequence >= 10 THEN reason END,
  '{"symbol": "AAPL"}', CASE WHEN sequence <= 10 THEN jsonb_build_object('signal',
    jsonb_build_object('action', signal_action, 'entry', '100.00')) END,
  '[]', '[]', 0, 0, created_at, 0.05 * random(), 'worker', 'seeded', md5(id::text),
  md5((id * 100 + sequence)::text)
FROM executions, generate_series(1, :records) AS sequence
ORDER BY id, sequence
""")

_DECISIONS = text("""
INSERT INTO decisions (execution_id, recorded_at, strategy_id, strategy_version_id, symbol, conid,
  contract, timeframe, as_of, last_bar_time, last_close, action, reason_code, sentence, confidence,
  entry, stop, targets, reward_to_risk, analyst, is_rule_based, claims, claims_wrong, closes,
  is_simulated, has_plan, outcome, bars_after, after_1, after_5, after_20, touched, touched_bar,
  touch_is_ambiguous)
SELECT id, created_at + interval '500 ms', strategy_id, strategy_version_id, symbol, 265598,
  '{"timezone": "America/New_York", "currency": "USD", "calendar": "XNYS"}', '1d', due_at,
  extract(epoch FROM due_at)::bigint * 1000, 100, signal_action, reason_code, reason,
  random(), 100, CASE signal_action WHEN 'SELL' THEN 104 ELSE 96 END,
  CASE signal_action WHEN 'SELL' THEN '["92", "88"]'::jsonb ELSE '["108", "112"]' END, 2.5,
  'gpt-5-mini', false, 12, id % 3, '[98, 99.5, 97, 101, 100]', true, outcome = 'observed', outcome,
  20, random() / 50 - 0.01, random() / 20 - 0.025, random() / 10 - 0.05,
  CASE id % 3 WHEN 0 THEN 'stop' WHEN 1 THEN 'target' END, CASE id % 3 WHEN 2 THEN NULL ELSE 4 END,
  false
FROM executions WHERE signal_action IS NOT NULL AND outcome IS NOT NULL
""")

_QUESTIONS = text("""
INSERT INTO questions (execution_id, name, recorded_at, prompt_version_id, system_version_id,
  analyst, is_rule_based, model, tokens, cost_usd, seconds, attempts)
SELECT decisions.execution_id, asked.name, recorded_at, mine.version_id, system.version_id,
  'openai', false, 'gpt-5-mini', 3000, 0.002, 4, 1 + (decisions.execution_id % 20 = 0)::int
FROM decisions, (VALUES ('1d', 'chart'), ('1w', 'chart'), ('view', 'view')) AS asked(name, prompt)
JOIN prompts ON prompts.name = asked.prompt
JOIN prompt_labels AS mine ON mine.prompt_id = prompts.id AND mine.label = 'production',
  (SELECT version_id FROM prompt_labels JOIN prompts ON prompts.id = prompt_id
   WHERE prompts.name = 'system' AND label = 'production') AS system
""")
