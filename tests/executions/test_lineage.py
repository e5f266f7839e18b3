"""Appending to the chain: fenced, once, without secrets, the same after JSONB."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from backend.core.clock import ManualClock
from backend.core.database import statements, transaction
from backend.core.redaction import HIDDEN
from backend.executions import leases, lineage, partitions
from backend.executions.lineage import Chain, Entry, LeaseLost, Progress
from backend.executions.models import Execution, LineageRecord, RecordStatus, Status
from backend.storage.base import Artifact
from backend.workflow.outcome import Outcome
from tests.executions.conftest import let_lease_run_out
from tests.support.live_engine import FRIDAY, Engine, read

ON_TO_THE_NEXT = Progress(next_step="resolve_contract", next_attempt=1)


@pytest.fixture
def execution_id(engine: Engine) -> int:
    return engine.start(engine.save())[0]


def take(execution_id: int) -> Chain:
    lease = leases.take(execution_id, first_step="preflight", now=FRIDAY)
    assert lease is not None
    return lease.chain


def entry(**changes: Any) -> Entry:
    defaults: dict[str, Any] = {
        "step": "preflight",
        "attempt": 1,
        "status": RecordStatus.FINISHED,
        "started_at": FRIDAY,
        "recorded_at": FRIDAY,
        "seconds": 0.25,
        "actor": "worker:test",
        "code_version": "1",
    }
    return Entry(**{**defaults, **changes})


def append(chain: Chain, *entries: Entry, progress: Progress = ON_TO_THE_NEXT) -> Chain:
    with statements() as connection:
        return lineage.append(connection, chain, list(entries), progress)


def test_a_record_lengthens_the_chain_and_moves_the_execution_on(execution_id: int) -> None:
    begun = take(execution_id)
    longer = append(begun, entry(tokens=5, cost_usd=Decimal("0.01")))
    execution, [record] = read(execution_id)
    assert (longer.record_count, longer.head) == (1, record.hash)
    assert (execution.record_count, execution.chain_head) == (1, record.hash)
    assert record.previous_hash == begun.head == lineage.genesis(execution)
    assert (execution.current_step, execution.current_attempt) == ("resolve_contract", 1)
    assert (execution.tokens, execution.cost_usd) == (5, Decimal("0.01"))


def test_several_records_are_chained_in_their_order(execution_id: int) -> None:
    append(take(execution_id), *(entry(attempt=number) for number in (1, 2, 3)))
    _, records = read(execution_id)
    assert [record.attempt for record in records] == [1, 2, 3]
    assert [record.previous_hash for record in records[1:]] == [each.hash for each in records[:2]]


def test_the_end_takes_the_lease_away(execution_id: int) -> None:
    end = Progress(status=Status.FINISHED, outcome=Outcome.HELD, reason_code="c", reason="s")
    append(take(execution_id), entry(), progress=end)
    execution, _ = read(execution_id)
    assert (execution.status, execution.outcome) == (Status.FINISHED, Outcome.HELD)
    assert (execution.lease_token, execution.lease_until, execution.current_step) == (None,) * 3
    assert execution.finished_at == FRIDAY


def test_a_lease_is_held_by_one_only(execution_id: int) -> None:
    take(execution_id)
    assert leases.take(execution_id, first_step="preflight", now=FRIDAY) is None


def test_a_lease_can_be_renewed_until_another_worker_took_it(execution_id: int) -> None:
    mine = take(execution_id)
    assert leases.renew([mine]) == 1
    let_lease_run_out(execution_id)
    assert leases.renew([mine]) == 1, "nobody else took it meanwhile"
    let_lease_run_out(execution_id)
    theirs = take(execution_id)
    assert leases.renew([mine]) == 0
    assert leases.renew([theirs, mine]) == 1


def test_a_worker_that_lost_its_lease_cannot_write(execution_id: int) -> None:
    mine = take(execution_id)
    let_lease_run_out(execution_id)
    theirs = take(execution_id)
    with pytest.raises(LeaseLost, match=f"Execution {execution_id} was taken over"):
        append(mine, entry())
    assert read(execution_id)[1] == []
    append(theirs, entry())
    with pytest.raises(LeaseLost):
        append(mine, entry(reason="Something else."))
    assert len(read(execution_id)[1]) == 1


def test_a_commit_whose_acknowledgement_was_lost_is_not_recorded_twice(execution_id: int) -> None:
    chain = take(execution_id)
    entries = [entry(), entry(step="resolve_contract")]
    first = append(chain, *entries)
    assert append(chain, *entries) == first
    execution, records = read(execution_id)
    assert (len(records), execution.record_count) == (2, 2)


def test_the_end_whose_acknowledgement_was_lost_is_not_recorded_twice(execution_id: int) -> None:
    end = Progress(status=Status.FINISHED, outcome=Outcome.HELD, reason_code="c", reason="s")
    chain = take(execution_id)
    assert append(chain, entry(), progress=end) == append(chain, entry(), progress=end)
    assert len(read(execution_id)[1]) == 1


def test_another_record_in_the_same_place_is_refused(execution_id: int) -> None:
    chain = take(execution_id)
    append(chain, entry())
    with pytest.raises(LeaseLost):
        append(chain, entry(seconds=0.5))


def test_artifacts_are_remembered_once_however_often_they_are_named(execution_id: int) -> None:
    named = [
        Artifact(name=name, sha256="a" * 64, content_type="image/png", size=2**33)
        for name in ("one.png", "two.png")
    ]
    append(take(execution_id), entry(artifacts=named), entry(artifacts=named))
    with transaction() as session:
        [row] = session.execute(text("SELECT content_type, size FROM artifacts")).all()
    assert tuple(row) == ("image/png", 2**33)
    assert [artifact["name"] for artifact in read(execution_id)[1][0].artifacts] == [
        "one.png",
        "two.png",
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**200), 2**200)
    | st.floats()
    | st.sampled_from([1e21, 1e22, -0.0, 5e-324, 1.7976931348623157e308, 2**63, 2**64, -(2**63)])
    | st.text(st.characters())
    | st.sampled_from(["\0", "a\0b", "\ud800", "\\u0000", "é", "e\u0301", "\U0001f4c8"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=JSON, sentence=st.text(st.characters()), seconds=st.floats(0, 1e12))
@settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_hash_of_any_record_survives_the_way_through_the_database(
    execution_id: int, value: Any, sentence: str, seconds: float
) -> None:
    with transaction() as session:
        session.execute(text("UPDATE executions SET lease_until = NULL, status = 'queued'"))
    chain = append(
        take(execution_id),
        entry(
            input={"value": value},
            output={"found": [value]},
            notes=[{"note": sentence}],
            reason=sentence,
            seconds=seconds,
        ),
        progress=Progress(next_step="preflight", reason=sentence),
    )
    with transaction() as session:
        record = session.query(LineageRecord).filter_by(sequence=chain.record_count - 1).one()
        assert lineage.record_hash(lineage.content_of(record), record.previous_hash) == record.hash
    assert record.hash == chain.head


def test_numbers_beyond_64_bits_stay_exact(execution_id: int) -> None:
    append(take(execution_id), entry(output={"big": 2**70, "negative": -(2**70), "whole": 2**53}))
    [record] = read(execution_id)[1]
    assert record.output == {"big": str(2**70), "negative": str(-(2**70)), "whole": 2**53}


def test_what_json_lacks_is_null_and_unstorable_characters_are_left_out(execution_id: int) -> None:
    append(
        take(execution_id),
        entry(output={"nan": float("nan"), "a\0b": "c\0d", "half": "\ud83d"}, reason="x\0y"),
    )
    [record] = read(execution_id)[1]
    assert record.output == {"nan": None, "ab": "cd", "half": "?"}
    assert record.reason == "xy"


def test_secrets_reach_neither_the_record_nor_the_execution(
    execution_id: int, set_env: Callable[..., None]
) -> None:
    set_env(S3_SECRET_KEY="the-secret-of-the-store")
    said = "Refused https://me:pa55word@host, key sk-abcdefghijklmnopqrstuvwx"
    append(
        take(execution_id),
        entry(
            input={"headers": {"Authorization": "Basic abc"}, "items": ["the-secret-of-the-store"]},
            output={"api_key": "abc", "tokens": 5},
            notes=[{"note": said}],
            reason=said,
        ),
        progress=Progress(next_step="preflight", reason=said),
    )
    execution, [record] = read(execution_id)
    assert record.input == {"headers": {"Authorization": HIDDEN}, "items": [HIDDEN]}
    assert record.output == {"api_key": HIDDEN, "tokens": 5}
    for text_of in (record.reason, record.notes[0]["note"], execution.reason):
        assert text_of == f"Refused https://{HIDDEN}@host, key {HIDDEN}"


def partition_of(moment: datetime) -> str:
    with transaction() as session:
        found: str = session.execute(
            text("SELECT tableoid::regclass FROM workflow_lineage WHERE recorded_at = :at LIMIT 1"),
            {"at": moment},
        ).scalar_one()
    return found


def partitions_there() -> set[str]:
    with transaction() as session:
        rows = session.scalars(
            text(
                "SELECT inhrelid::regclass::text FROM pg_inherits"
                " WHERE inhparent = 'workflow_lineage'::regclass"
            )
        )
        return set(rows)


def test_months_ahead_get_a_partition_of_their_own_also_over_new_year(db: str) -> None:
    for _ in range(2):
        partitions.ensure(ManualClock(datetime(2031, 11, 30, 23, 59, tzinfo=UTC)))
    assert {
        "workflow_lineage_2031_11",
        "workflow_lineage_2031_12",
        "workflow_lineage_2032_01",
        "workflow_lineage_default",
    } <= partitions_there()


def test_records_lie_in_the_partition_of_their_month(execution_id: int) -> None:
    later = datetime(2033, 3, 31, 23, 59, 59, tzinfo=UTC)
    partitions.ensure(ManualClock(later))
    append(take(execution_id), entry(recorded_at=later))
    assert partition_of(later) == "workflow_lineage_2033_03"
    assert len(read(execution_id)[1]) == 1


def test_a_month_without_a_partition_is_kept_in_the_default_one(execution_id: int) -> None:
    later = datetime(2041, 7, 1, tzinfo=UTC)
    append(take(execution_id), entry(recorded_at=later))
    assert partition_of(later) == "workflow_lineage_default"
    # It stays readable there, and looking after partitions does not stumble over it.
    partitions.ensure(ManualClock(later))
    assert "workflow_lineage_2041_07" not in partitions_there()
    assert "workflow_lineage_2041_08" in partitions_there()
    assert len(read(execution_id)[1]) == 1


def test_a_worker_whose_clock_is_behind_still_finds_its_own_records(execution_id: int) -> None:
    append(take(execution_id), entry(recorded_at=FRIDAY - timedelta(seconds=5)))
    with transaction() as session:
        execution = session.get_one(Execution, execution_id)
        assert len(lineage.read(session, execution)) == 1


def test_a_lease_is_renewed_beside_the_work(
    execution_id: int, set_env: Callable[..., None]
) -> None:
    set_env(LEASE_SECONDS="0.6")
    chain = take(execution_id)

    with leases.Keeper().holding(chain):
        time.sleep(1.5)
        assert leases.take(execution_id, first_step="preflight", now=FRIDAY) is None
    time.sleep(0.8)

    assert leases.take(execution_id, first_step="preflight", now=FRIDAY) is not None
