"""Questions to a person: asked once, answered once, never too late."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from backend.core.clock import Clock
from backend.core.database import transaction
from backend.core.errors import AppError, Conflict, InvalidInput, NotFound
from backend.notifications.models import Notification
from backend.portfolio import approvals
from backend.portfolio.approvals import DatabaseApprovals
from backend.portfolio.orders.models import Approval
from backend.web.audit import AuditRow
from backend.workflow.asking import ApprovalState
from tests.support.live_engine import Engine
from tests.support.questions import request

APPROVED, REJECTED = ApprovalState.APPROVED, ApprovalState.REJECTED


def answer(
    clock: Clock, approval_id: int, state: ApprovalState = APPROVED, by: str = "person:ada"
) -> None:
    with transaction() as session:
        approvals.decide(session, clock, approval_id, answer=state, actor=by)


def count(of: type) -> int:
    with transaction() as session:
        return session.scalar(select(func.count()).select_from(of)) or 0


def test_the_same_execution_asks_once_and_is_told_how_its_question_stands(engine: Engine) -> None:
    asked = DatabaseApprovals(engine.clock)
    first = asked.ask(request(7))
    assert first.state is ApprovalState.WAITING
    assert first.expires_at == engine.clock.now() + timedelta(minutes=15)
    engine.advance(minutes=2)
    assert asked.ask(request(7)) == first
    answer(engine.clock, first.approval_id)
    told = asked.ask(request(7))
    assert (told.state, told.decided_by) == (APPROVED, "person:ada")
    assert count(Approval) == 1


def test_two_workers_that_ask_at_once_ask_one_question(engine: Engine) -> None:
    asked = DatabaseApprovals(engine.clock)
    with ThreadPoolExecutor(6) as pool:
        told = list(pool.map(lambda _: asked.ask(request(7)), range(12)))
    assert len({each.approval_id for each in told}) == 1
    assert count(Approval) == 1


def test_a_signal_that_ends_sooner_ends_the_question(engine: Engine) -> None:
    soon = engine.clock.now() + timedelta(minutes=4)
    asked = DatabaseApprovals(engine.clock).ask(request(7, signal_expires_at=soon))
    assert asked.expires_at == soon


def test_what_was_shown_is_kept_whole(engine: Engine) -> None:
    DatabaseApprovals(engine.clock).ask(request(7))
    with transaction() as session:
        [row] = approvals.waiting(session, engine.clock.now())
        assert approvals.asked(row) == request(7)


def test_no_answer_in_time_is_a_no_from_the_very_moment_on(engine: Engine) -> None:
    asked = DatabaseApprovals(engine.clock)
    first = asked.ask(request(7))
    engine.advance(minutes=15)
    with pytest.raises(Conflict, match="no answer is a no") as refusal:
        answer(engine.clock, first.approval_id)
    assert refusal.value.code == "approval_expired"
    assert asked.ask(request(7)).state is ApprovalState.EXPIRED
    with pytest.raises(Conflict, match="The time for BUY 40 AAPL was over"):
        answer(engine.clock, first.approval_id)


def test_a_second_answer_is_told_who_gave_the_first(engine: Engine) -> None:
    first = DatabaseApprovals(engine.clock).ask(request(7))
    answer(engine.clock, first.approval_id, REJECTED, "person:ada")
    with pytest.raises(Conflict, match="rejected by person:ada at 20:30:00 UTC already") as refusal:
        answer(engine.clock, first.approval_id, APPROVED, "person:bob")
    assert refusal.value.code == "approval_decided"


def test_of_many_answers_at_once_one_counts(engine: Engine) -> None:
    first = DatabaseApprovals(engine.clock).ask(request(7))

    def press(place: int) -> bool:
        try:
            answer(engine.clock, first.approval_id, (APPROVED, REJECTED)[place % 2], f"p{place}")
        except AppError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(press, range(16))) == 1
    assert count(AuditRow) == 1


def test_a_long_reason_and_an_unknown_question_are_refused(engine: Engine) -> None:
    first = DatabaseApprovals(engine.clock).ask(request(7))
    with transaction() as session, pytest.raises(InvalidInput, match="at most 500"):
        approvals.decide(
            session, engine.clock, first.approval_id, answer=APPROVED, actor="a", comment="x" * 501
        )
    with pytest.raises(NotFound, match="no approval 99"):
        answer(engine.clock, 99)


def told() -> list[tuple[str, str]]:
    with transaction() as session:
        rows = session.scalars(select(Notification).order_by(Notification.id))
        return [(row.title, row.path) for row in rows]


def test_people_are_told_of_a_question_once_and_of_its_end_without_an_answer(
    engine: Engine,
) -> None:
    asked = DatabaseApprovals(engine.clock)
    path = f"/approvals/{asked.ask(request(7)).approval_id}"
    asked.ask(request(7))
    assert told() == [("BUY 40 AAPL: yes or no?", path)]
    engine.advance(minutes=20)
    asked.ask(request(7))
    asked.ask(request(7))
    assert told()[1:] == [("BUY 40 AAPL: nobody answered in time", path)]
