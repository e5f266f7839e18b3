"""The journal for programs, and as files."""

import csv
import io
import time
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet
from sqlalchemy import text, update
from starlette.testclient import TestClient

from backend.core.database import transaction
from backend.executions.models import Execution
from backend.journal.exporting import SCHEMA
from backend.journal.rows import RoundTripRow
from backend.portfolio.orders.models import RoundTrip
from tests.support.live_engine import FRIDAY, Engine
from tests.support.past_trips import closed_trip
from tests.support.web_client import Api, new_key


@pytest.fixture
def traded(engine: Engine) -> Engine:
    engine.run()
    with transaction() as session:
        session.execute(update(Execution).values(cost_usd=Decimal("0.25")))
        closed_trip(session, 1, "200.05", "220", closed_at=FRIDAY, decision_price=Decimal(200))
        closed_trip(session, 2, "200", "190", reason="stop", closed_at=FRIDAY, is_simulated=False)
    return engine


def grow(count: int) -> None:
    """Copies of the second one, each of an execution of its own."""
    names = [each.name for each in RoundTrip.__table__.columns]
    copied = ", ".join(f'"{name}"' for name in names if name not in ("id", "execution_id"))
    with transaction() as session:
        session.execute(
            text(f"""
                INSERT INTO round_trips (execution_id, {copied})
                SELECT 1000 + n, {copied} FROM round_trips, generate_series(1, :count) AS n
                WHERE id = 2
            """),
            {"count": count},
        )


def test_a_round_trip_tells_all_that_is_known(api: Api, traded: Engine) -> None:
    listed = api.get("/journal", kind="simulated")
    assert listed["next_before"] is None
    [row] = listed["round_trips"]
    assert row["kind"] == "simulated"
    assert row["state"] == "closed"
    expected = {
        "gross_pnl": "1995.00",
        "net_pnl": "1993.00",
        "net_of_ai": "1992.75",
        "ai_cost_usd": "0.25",
        "risk": "1005.00",
        "net_r": "1.98308458",
        "slippage_money": "5.00",
        "mae": "0",
    }
    assert {name: Decimal(row[name]) for name in expected} == {
        name: Decimal(value) for name, value in expected.items()
    }
    assert row["held_seconds"] == 3 * 3600
    whole = api.get("/journal/1")
    assert whole["round_trip"] == row
    assert [order["role"] for order in whole["orders"]] == ["entry", "target"]
    assert [Decimal(fill["price"]) for fill in whole["fills"]] == [Decimal("200.05"), Decimal(220)]


def test_the_list_goes_on_where_it_was_left(api: Api, traded: Engine) -> None:
    grow(5)
    first = api.get("/journal", limit=4)
    rest = api.get("/journal", limit=4, before=first["next_before"])
    ids = [row["id"] for page in (first, rest) for row in page["round_trips"]]
    assert sorted(ids, reverse=True) == ids == [7, 6, 5, 4, 3, 2, 1]


def test_totals_keep_kinds_apart(api: Api, traded: Engine) -> None:
    paper, simulated = api.get("/journal/totals", by="symbol")
    assert (paper["kind"], simulated["kind"]) == ("paper", "simulated")
    assert Decimal(paper["record"]["net"]) == -1002
    assert (
        paper["record"]["profit_factor"] == "0E-8" or Decimal(paper["record"]["payoff"] or 0) == 0
    )
    assert Decimal(simulated["net_of_ai"]) == Decimal("1992.75")
    assert [group["value"] for group in simulated["groups"]] == ["AAPL"]
    assert simulated["record"]["streak"] == 1


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/journal?side=UP", 422, "side"),
        ("/journal?since=2026-01-01T10:00:00", 422, "since"),
        ("/journal/totals?state=open", 422, "totals are of closed"),
        ("/journal/totals?by=luck", 422, "by"),
        ("/journal?before=99", 404, "no round trip 99"),
        ("/journal/99", 404, "no round trip 99"),
        ("/journal/export.xlsx", 422, "form"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    api: Api, traded: Engine, path: str, status: int, said: str
) -> None:
    error = api.refused("GET", path, status)
    assert said in f"{error['field']} {error['message']}"


def test_a_note_of_a_program_needs_the_right_to_operate(api: Api, traded: Engine) -> None:
    row = api.put("/journal/1/note", {"text": "As planned.", "tags": ["Clean"]})
    assert (row["note"], row["tags"]) == ("As planned.", ["clean"])
    assert api.get("/journal", tag="clean")["round_trips"] == [row]
    reader = Api(api.http, new_key("reader", "read"))
    reader.refused("PUT", "/journal/1/note", 403, json={"text": "x"})
    api.refused("PUT", "/journal/1/note", 422, json={"tags": ["two words?"]})


def test_csv_holds_every_column_and_no_formula(api: Api, http: TestClient, traded: Engine) -> None:
    hostile = {"strategy_name": "=HYPERLINK(1)", "entry_reason": 'Up, by 3 %\n"quoted"'}
    with transaction() as session:
        session.execute(update(RoundTrip).values(hostile))
    api.put("/journal/2/note", {"text": "-1+1", "tags": ["b", "a"]})
    answer = api.http.get("/api/journal/export.csv", headers=api.headers)
    assert answer.headers["content-type"].startswith("text/csv")
    assert 'filename="journal-2026-11-20.csv"' in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert list(rows[0]) == list(RoundTripRow.model_fields)
    assert rows[0]["strategy_name"] == "'=HYPERLINK(1)"
    assert rows[0]["entry_reason"] == 'Up, by 3 %\n"quoted"'
    assert rows[1]["note"] == "'-1+1"
    assert rows[1]["tags"] == "a b"
    # A loss stays a number.
    assert Decimal(rows[1]["net_pnl"]) == -1002
    assert rows[1]["net_pnl"].startswith("-")
    assert rows[1]["closed_at"] == "2026-11-20T20:30:00+00:00"
    # In a browser the same, with the filters of the page.
    assert http.get("/journal/export.csv?kind=paper").text.count("\r\n") == 2


def test_parquet_is_read_back_to_the_cent(http: TestClient, traded: Engine) -> None:
    answer = http.get("/journal/export.parquet?kind=simulated")
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert (
        'filename="journal-simulated-2026-11-20.parquet"' in (answer.headers["content-disposition"])
    )
    table = parquet.read_table(pa.BufferReader(answer.content))
    assert table.schema == SCHEMA
    [row] = table.to_pylist()
    assert row["net_of_ai"] == Decimal("1992.75")
    assert row["closed_at"] == FRIDAY
    assert row["kind"] == "simulated"
    assert row["tags"] == []


def test_an_empty_file_still_has_its_columns(http: TestClient, engine: Engine) -> None:
    lines = http.get("/journal/export.csv").text.splitlines()
    assert lines == [",".join(RoundTripRow.model_fields)]
    table = parquet.read_table(pa.BufferReader(http.get("/journal/export.parquet").content))
    assert table.num_rows == 0
    assert table.schema == SCHEMA


def test_a_long_journal_goes_out_whole_in_portions(http: TestClient, traded: Engine) -> None:
    grow(2_500)
    answer = http.get("/journal/export.parquet")
    file = parquet.ParquetFile(pa.BufferReader(answer.content))
    assert file.metadata.num_rows == 2_502
    assert file.metadata.num_row_groups == 3
    rows = list(csv.DictReader(io.StringIO(http.get("/journal/export.csv").text)))
    assert len({row["id"] for row in rows}) == 2_502
    began = time.perf_counter()
    assert http.get("/journal?kind=paper").status_code == 200
    assert time.perf_counter() - began < 5
