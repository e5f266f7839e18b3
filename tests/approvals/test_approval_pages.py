"""Queue and page of orders that wait, and the answers that a browser gives."""

import re
from decimal import Decimal

import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions.models import Execution, Status
from backend.portfolio import approvals
from backend.portfolio.orders.models import Approval
from backend.web.audit import AuditRow
from backend.workflow.asking import ApprovalState
from backend.workflow.outcome import Outcome
from tests.support.live_engine import Engine, definition, read
from tests.support.questions import asking_executor, quote, whole_executor
from tests.support.web_client import text_of


@pytest.fixture
def asked(engine: Engine) -> int:
    """The id of a question with all that an execution finds before it."""
    return ask(engine)


def ask(engine: Engine, **changes: object) -> int:
    execution_id = engine.start(engine.save(definition(name=f"Strategy {len(rows())}")))[0]
    assert whole_executor(engine, **changes).run(execution_id) is None
    return rows()[-1].id


def rows() -> list[Approval]:
    with transaction() as session:
        return list(session.scalars(select(Approval).order_by(Approval.id)))


def state(approval_id: int) -> ApprovalState:
    with transaction() as session:
        return approvals.get(session, approval_id).state


def answer(http: TestClient, approval_id: int, word: str, **form: str) -> tuple[int, str]:
    response = http.post(f"/approvals/{approval_id}/{word}", data=form)
    return response.status_code, response.text


def test_without_questions_the_page_says_what_would_bring_one(http: TestClient) -> None:
    shown = text_of(http.get("/approvals"))
    assert "Nothing waits for you" in shown
    assert "count-wanted" not in shown


def test_the_queue_shows_the_most_urgent_first_and_the_menu_counts(
    http: TestClient, engine: Engine, asked: int
) -> None:
    sooner = ask(engine, patience_minutes=5)
    shown = text_of(http.get("/approvals"))
    assert shown.index(f'id="approval-{sooner}"') < shown.index(f'id="approval-{asked}"')
    assert 'aria-label="2 waiting">2<' in text_of(http.get("/strategies"))
    assert "Approvals waiting" in text_of(http.get("/"))


def test_the_page_has_all_that_the_decision_rests_on(http: TestClient, asked: int) -> None:
    shown = text_of(http.get(f"/approvals/{asked}"))
    for part in ("The order", "What the broker says", "Initial margin", "Limits when you", "Why"):
        assert part in shown
    assert "The rule for buying holds" in shown
    assert 'data-figure="/artifacts/' in shown
    assert f'data-lazy="/approvals/{asked}/quote"' in shown
    assert "Lost at the stop" in shown
    assert 'data-state="simulated"' in shown


def test_the_quote_is_the_one_of_now_beside_the_one_when_asked(
    http: TestClient, engine: Engine
) -> None:
    asked = ask(engine, quote=quote("500.00"))
    shown = text_of(http.get(f"/approvals/{asked}/quote"))
    assert "500.01" in shown
    assert re.search(r"[+-]\d+\.\d\d %", shown)
    assert "against you" in shown or "in your favour" in shown


def test_a_price_beyond_the_stop_is_said_aloud(http: TestClient, engine: Engine) -> None:
    asked = ask(engine)
    with transaction() as session:
        row = approvals.get(session, asked)
        plan = {**row.document["order_plan"], "entry": "9000", "stop": "8000", "targets": []}
        row.document = {**row.document, "order_plan": plan}
    assert "Past the stop." in text_of(http.get(f"/approvals/{asked}/quote"))


def test_without_a_quote_the_page_says_why_and_a_yes_counts_all_the_same(
    http: TestClient, engine: Engine, asked: int
) -> None:
    engine.gateway.control.session("logged_out")
    assert "No price." in text_of(http.get(f"/approvals/{asked}/quote"))
    assert answer(http, asked, "approve")[0] == 303
    assert state(asked) is ApprovalState.APPROVED


def test_one_tap_approves_on_paper_and_the_execution_goes_on(
    http: TestClient, engine: Engine, asked: int
) -> None:
    response = http.post(f"/approvals/{asked}/approve")
    assert (response.status_code, response.headers["location"]) == (303, f"/approvals/{asked}")
    execution_id = rows()[0].execution_id
    assert read(execution_id)[0].status is Status.QUEUED
    whole_executor(engine).run(execution_id)
    assert read(execution_id)[0].outcome is Outcome.ORDERED
    shown = text_of(http.get(f"/approvals/{asked}"))
    assert "person:ann approved it." in shown
    assert 'aria-label="Approve' not in shown
    with transaction() as session:
        [row] = session.scalars(select(AuditRow).where(AuditRow.action == "approval.approved"))
    assert (row.actor, row.subject) == ("person:ann", f"approval {asked}")
    assert Decimal((row.after or {})["price_when_answered"]) > 0


def test_a_no_keeps_its_reason_and_hostile_words_stay_words(
    http: TestClient, engine: Engine, asked: int
) -> None:
    words = "<script>alert(1)</script> & not today"
    assert answer(http, asked, "reject", comment=words)[0] == 303
    whole_executor(engine).run(rows()[0].execution_id)
    for path in ("/approvals", f"/approvals/{asked}"):
        shown = text_of(http.get(path))
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; not today" in shown
    assert read(rows()[0].execution_id)[0].outcome is Outcome.REJECTED


def test_the_second_press_is_told_who_answered_first(http: TestClient, asked: int) -> None:
    answer(http, asked, "reject")
    status, shown = answer(http, asked, "approve")
    assert status == 409
    assert "rejected by person:ann" in shown
    assert state(asked) is ApprovalState.REJECTED


def test_a_press_after_the_time_sends_nothing(http: TestClient, engine: Engine, asked: int) -> None:
    engine.advance(minutes=15)
    shown = text_of(http.get(f"/approvals/{asked}"))
    assert "no answer is a no" in shown
    assert 'aria-label="Approve' not in shown
    status, shown = answer(http, asked, "approve")
    assert status == 409
    assert "Nothing was sent" in shown
    assert read(rows()[0].execution_id)[0].status is Status.WAITING


def test_real_money_is_asked_for_twice(http: TestClient, engine: Engine) -> None:
    asked = ask(engine, is_paper=False, is_simulated=False, account="U7654321")
    status, shown = answer(http, asked, "approve", comment="Looks right.")
    assert status == 200
    assert "with real money?" in shown
    assert 'value="Looks right."' in shown
    assert state(asked) is ApprovalState.WAITING
    assert answer(http, asked, "approve", sure="yes", comment="Looks right.")[0] == 303
    assert state(asked) is ApprovalState.APPROVED
    assert rows()[-1].comment == "Looks right."


def test_a_reason_that_is_too_long_is_kept_in_its_field(http: TestClient, asked: int) -> None:
    status, shown = answer(http, asked, "reject", comment="x" * 501)
    assert status == 422
    assert "at most 500 characters" in shown
    assert "x" * 501 in shown
    assert state(asked) is ApprovalState.WAITING


def test_an_approval_without_a_record_behind_it_is_shown_all_the_same(
    http: TestClient, engine: Engine
) -> None:
    asking_executor(engine).run(engine.start(engine.save())[0])
    shown = text_of(http.get(f"/approvals/{rows()[0].id}"))
    assert "BUY 40 AAPL?" in shown
    assert "No report of the limits" in shown


def test_unknown_ones_are_not_found(http: TestClient) -> None:
    assert http.get("/approvals/99").status_code == 404
    assert http.get("/approvals/99/quote").status_code == 404
    assert http.post("/approvals/99/approve").status_code == 404
    assert http.get("/approvals/none").status_code == 422


def test_a_question_whose_execution_has_ended_is_withdrawn(
    http: TestClient, engine: Engine, asked: int
) -> None:
    with transaction() as session:
        ended = {"status": Status.FINISHED, "outcome": Outcome.SKIPPED, "reason": "It is halted."}
        session.execute(update(Execution).values(**ended))
    assert "Nothing waits for you" in text_of(http.get("/approvals"))
    assert "ended before an answer" in text_of(http.get(f"/approvals/{asked}"))
    status, shown = answer(http, asked, "approve")
    assert status == 409
    assert "nothing is sent: It is halted." in shown
