"""List and overview of a hundred thousand executions: right, and no query reads them all."""

import re
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from backend.core.database import engine as database_engine
from backend.core.database import transaction
from backend.executions import listing, service
from backend.executions.models import Status
from backend.executions.service import Filters
from backend.workflow.outcome import Outcome
from benchmarks.seeding import UNFINISHED, seed
from tests.support.live_engine import Engine
from tests.support.web_client import text_of

MANY = 100_000


class Watch:
    """The plans of all statements on executions in its block."""

    def __init__(self) -> None:
        self.plans: list[str] = []

    def __enter__(self) -> "Watch":
        event.listen(database_engine(), "before_cursor_execute", self._explain)
        return self

    def __exit__(self, *_: object) -> None:
        event.remove(database_engine(), "before_cursor_execute", self._explain)

    def _explain(self, _c: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "executions" in statement and statement.lstrip().startswith(("SELECT", "WITH")):
            cursor.execute(f"EXPLAIN {statement}", parameters)
            self.plans.append("\n".join(line for (line,) in cursor.fetchall()))


@pytest.mark.timeout(300)
def test_a_hundred_thousand(http: TestClient, engine: Engine) -> None:
    # One test, since the rows take longer to make than all that is asked of them.
    seed(engine.clock, executions=MANY, records_per_execution=0)
    with Watch() as watch:
        for query in ("", "outcome=failed", "symbol=AAPL", "before=50000", "after=50000", "q=bars"):
            html = text_of(http.get(f"/executions?{query}"))
            assert len(re.findall("data-row=", html)) == service.PAGE
        overview = text_of(http.get("/"))
        assert 'id="troubles"' in overview
    assert watch.plans
    read_whole = [plan for plan in watch.plans if "Seq Scan on executions" in plan]
    assert read_whole == []
    _counts_agree()


def _counts_agree() -> None:
    with transaction() as session:
        counts = listing.count(session, Filters())
        assert (
            sum(counts.by_state[state] for state in ("queued", "running", "parked")) == UNFINISHED
        )
        assert (counts.of("held"), counts.all) == ("10,000+", "10,000+")
        assert counts.of("ordered") == "0"
        few = listing.count(session, Filters(symbol="AAPL", status=Status.PARKED))
        assert few.is_exact
        assert sum(few.by_state.values()) == MANY // 20
        parked = service.find(session, Filters(status=Status.PARKED))
        assert len(parked) == 6
        failed = service.find(session, Filters(outcome=Outcome.FAILED, words="bars"), 10)
        assert {row.reason_code for row, _name in failed} == {"no_data"}
