"""Earlier answers of analysts by the hash of the exact request, for replay and backtest."""

from sqlalchemy.dialects.postgresql import insert

from backend.analysis.base import Answer
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.redaction import redact
from backend.executions.models import AnswerRow


class DatabaseAnswers:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get(self, request_hash: str) -> Answer | None:
        with transaction() as session:
            row = session.get(AnswerRow, request_hash)
        return None if row is None else Answer.from_json(row.answer)

    def put(self, answer: Answer) -> None:
        """The newest answer to the same request wins."""
        row = {
            "request_hash": answer.request_hash,
            "answer": redact(answer.to_json()),
            "created_at": self._clock.now(),
        }
        statement = insert(AnswerRow).values(row)
        with transaction() as session:
            session.execute(
                statement.on_conflict_do_update(index_elements=["request_hash"], set_=row)
            )
