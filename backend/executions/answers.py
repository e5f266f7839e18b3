"""Earlier answers of analysts by the hash of the exact request, for replay and backtest."""

from pydantic import TypeAdapter
from sqlalchemy.dialects.postgresql import insert

from backend.analysis.base import Answer
from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.redaction import redact
from backend.executions.models import AnswerRow

_ANSWER = TypeAdapter(Answer)


class DatabaseAnswers:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def get(self, request_hash: str) -> Answer | None:
        with transaction() as session:
            row = session.get(AnswerRow, request_hash)
        return None if row is None else _ANSWER.validate_python(row.answer)

    def put(self, answer: Answer) -> None:
        """The newest answer to the same request wins."""
        document = redact(_ANSWER.dump_python(answer, mode="json"))
        row = {
            "request_hash": answer.request_hash,
            "answer": document,
            "created_at": self._clock.now(),
        }
        statement = insert(AnswerRow).values(row)
        with transaction() as session:
            session.execute(
                statement.on_conflict_do_update(index_elements=["request_hash"], set_=row)
            )
