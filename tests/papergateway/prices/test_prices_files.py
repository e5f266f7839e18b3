from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from backend.core.errors import InvalidInput
from backend.papergateway.prices import Market, PaperBar

TODAY = date(2026, 11, 21)
FAR = 4_102_444_800_000
GOOD = (
    "2026-11-16,100,105,99,104,1000",
    "2026-11-17,104,106,103,105,1100",
    "2026-11-18,105,107,101,102,1200",
)


def load(path: Path, bar: str = "1d") -> tuple[list[PaperBar], list[str]]:
    market = Market(today=TODAY, files=[path])
    own = market.by_symbol(path.stem)
    assert own is not None
    day = market.sessions(date(2026, 11, 18), date(2026, 11, 18))[0]
    bars = market.bars(own.conid, bar, start_ms=0, end_ms=day.close_ms, now_ms=FAR)
    return bars, market.notes


def closes(bars: list[PaperBar]) -> list[float]:
    return [float(bar.c) for bar in bars]


def numbers(bars: list[PaperBar]) -> list[tuple[float, ...]]:
    return [(float(bar.o), float(bar.h), float(bar.l), float(bar.c), bar.v) for bar in bars]


def test_a_daily_file_is_served_on_its_own_dates(write: Any) -> None:
    bars, notes = load(write(*GOOD))

    assert str(bars[0].o) == "100.00"
    assert numbers(bars)[0] == (100, 105, 99, 104, 1000)
    assert closes(bars) == [104, 105, 102]
    assert notes == [
        "TSLA.csv: the rows end on 2026-11-18; from then on they are played again, every other"
        " time upside down, so that prices join."
    ]


def test_a_symbol_keeps_its_conid_whatever_else_is_loaded(write: Any) -> None:
    tesla, other = write(*GOOD), write(*GOOD, name="nvda.csv")

    alone = Market(today=TODAY, files=[tesla]).by_symbol("TSLA")
    together = Market(today=TODAY, files=[other, tesla])

    assert alone is not None
    assert together.by_symbol("tsla") == alone
    assert 900_000_000 <= alone.conid < 1_000_000_000
    assert together.by_symbol("NVDA") is not None


def test_column_names_may_be_written_in_any_case_and_order(write: Any) -> None:
    path = write(
        "1000,104,99,105,100,2026-11-16", header=" VOLUME,Close,low,High,OPEN,Date ", name="A.csv"
    )

    assert closes(load(path)[0])[0] == 104


def test_parquet_is_read_with_the_date_as_a_column_or_as_the_index(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "Date": pd.to_datetime(["2026-11-17", "2026-11-18"]),
            "Open": [10.0, 11.0],
            "High": [12.0, 12.0],
            "Low": [9.0, 10.0],
            "Close": [11.0, 11.5],
            "Volume": [500, 600],
        }
    )
    frame.to_parquet(tmp_path / "COL.parquet")
    frame.set_index("Date").to_parquet(tmp_path / "IDX.parquet")

    assert closes(load(tmp_path / "COL.parquet")[0]) == [11, 11.5]
    assert closes(load(tmp_path / "IDX.parquet")[0]) == [11, 11.5]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("soon,1,1,1,1,1", "row 5, column 'date': 'soon' is not a date; write 2024-01-31"),
        ("01/02/2026,1,1,1,1,1", "row 5, column 'date': '01/02/2026' is not a date"),
        (",1,1,1,1,1", "row 5, column 'date': is not a date"),
        ("1815-06-18,1,1,1,1,1", "row 5, column 'date': '1815-06-18' is not between 1900 and"),
        ("2026-11-19,one,1,1,1,1", "row 5, column 'open': 'one' is not a number"),
        ("2026-11-19,inf,1,1,1,1", "row 5, column 'open': 'inf' is not a number"),
        ("2026-11-19,1,,1,1,1", "row 5, column 'high': is empty; fill it in"),
        ("2026-11-19,1,1,-1,1,1", "row 5, column 'low': '-1' is below one cent"),
        ("2026-11-19,1,1,1,0,1", "row 5, column 'close': '0' is below one cent"),
        ("2026-11-19,1,1,1,1,-5", "row 5, column 'volume': '-5' is negative"),
        ("2026-11-19,1,1,1,1,1e30", "row 5, column 'volume': '1e30' is too large"),
        ("2026-11-19,5,4,6,5,1", "row 5, column 'high': '4.0' is below the low of its row"),
        ("2026-11-19,9,6,4,5,1", "row 5, column 'open': '9.0' lies outside the low and high"),
        ("2026-11-19,5,6,4,3,1", "row 5, column 'close': '3.0' lies outside the low and high"),
        ("2026-11-18,105,107,101,103,1200", "row 5, column 'date': it differs from row 4"),
    ],
)
def test_a_bad_row_is_refused_with_file_row_and_column(write: Any, row: str, message: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        load(write(*GOOD, row))

    assert f"TSLA.csv, {message}" in refusal.value.message


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("date,open,high,low,close", "column 'volume': the column is missing"),
        ("date,open,hihg,low,close,volume", "column 'high'.* Did you mean 'hihg'"),
        ("day,open,high,low,close,volume", "column 'date': the column is missing"),
        ("date;open;high;low;close;volume", "with commas between them"),
        ("date,open,open,low,close,volume", "column 'high'"),
    ],
)
def test_a_missing_column_is_named(write: Any, header: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load(
            write(
                "2026-11-16,100,105,99,104,1000"[: 30 if "volume" in header else 25], header=header
            )
        )


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("TSLA.xlsx", "date", "prices are read from .csv and .parquet files"),
        ("TSLA.csv", "date,open,high,low,close,volume\n", "it holds no rows"),
        ("TSLA.csv", "", "it cannot be read"),
        ("TSLA.parquet", "not parquet", "it cannot be read"),
        ("AAPL.csv", "", "the symbol AAPL is taken by the built-in prices; rename the file"),
        ("my prices.csv", "", "the file's name must be the symbol"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)

    with pytest.raises(InvalidInput, match=message):
        load(path)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"TSLA.csv: there is no such file at"):
        load(tmp_path / "TSLA.csv")
    (tmp_path / "TSLA.csv").write_bytes(b"date,open\n\xff\xfe\xfa,1\n")
    with pytest.raises(InvalidInput, match="is not UTF-8"):
        load(tmp_path / "TSLA.csv")


def test_one_symbol_in_two_files_is_refused(write: Any) -> None:
    paths = [write(*GOOD), write(*GOOD, name="tsla.CSV")]

    with pytest.raises(InvalidInput, match=r"the symbol TSLA is taken by TSLA.csv"):
        Market(today=TODAY, files=paths)


def test_wrong_order_is_sorted_and_noted(write: Any) -> None:
    bars, notes = load(write(GOOD[1], GOOD[0], GOOD[2]))

    assert closes(bars) == [104, 105, 102]
    assert (
        notes[0] == "TSLA.csv: rows were not in order of time (first at row 3); they were sorted."
    )


def test_identical_rows_are_kept_once_and_noted(write: Any) -> None:
    bars, notes = load(write(*GOOD, GOOD[0]))

    assert closes(bars) == [104, 105, 102]
    assert "TSLA.csv: 1 rows were there twice; each was kept once." in notes


def test_a_missing_session_is_quiet_and_noted(write: Any) -> None:
    bars, notes = load(write(GOOD[0], GOOD[2]))

    assert bars[1].o == 104
    assert bars[1].c == 105
    assert notes[0].startswith("TSLA.csv: 1 sessions have no row (first 2026-11-17)")


def test_a_row_on_a_weekend_is_joined_and_noted(write: Any) -> None:
    saturday = "2026-11-21,102,120,90,110,400"
    rows = (*GOOD, "2026-11-19,1,1,1,1,1", "2026-11-20,102,103,100,101,300", saturday)

    market = Market(today=TODAY, files=[write(*rows)])

    own = market.by_symbol("TSLA")
    assert own is not None
    friday = market.sessions(date(2026, 11, 20), date(2026, 11, 20))[0].open_ms
    (bar,) = market.bars(own.conid, "1d", start_ms=friday, end_ms=friday + 1, now_ms=FAR)
    assert numbers([bar])[0][1:] == (120, 90, 110, 700)
    assert any(
        "1 rows lie on days without a session (first 2026-11-21)" in note for note in market.notes
    )


def test_rounding_unused_columns_and_splits_are_noted(write: Any) -> None:
    path = write(
        "2026-11-16,100.001,105,99,104,1000.5,7",
        "2026-11-17,52,53,51,52,1000,7",
        header="date,open,high,low,close,volume,Adj Close",
    )

    notes = " ".join(load(path)[1])

    assert "prices were rounded to the cent" in notes
    assert "volumes were rounded to whole shares" in notes
    assert "columns adj close are not used" in notes
    assert "jumps overnight like a split on 2026-11-17" in notes


def test_a_file_that_begins_later_says_so(write: Any) -> None:
    market = Market(today=date(2026, 10, 1), files=[write(*GOOD)])

    assert market.notes == [
        "TSLA.csv: the rows begin on 2026-11-16; there are no prices until then."
    ]


@pytest.mark.parametrize("day", ["2026-11-21", "1999-01-04", "2035-01-02"])
def test_a_file_without_any_session_is_refused(write: Any, day: str) -> None:
    with pytest.raises(InvalidInput, match=r"TSLA.csv"):
        load(write(f"{day},1,1,1,1,1"))


def test_rows_before_the_calendar_are_left_out(write: Any) -> None:
    bars, notes = load(write("1999-12-31,1,1,1,1,1", *GOOD))

    assert closes(bars) == [104, 105, 102]
    assert "TSLA.csv: 1 rows before 2000-01-01 were left out." in notes


def five_minutes(zone: str = "", clock: str = "09:30", count: int = 78) -> list[str]:
    start = pd.Timestamp(f"2026-11-18 {clock}")
    moments = [start + pd.Timedelta(minutes=5 * index) for index in range(count)]
    return [
        f"{moment}{zone},{100 + index},{103 + index},{98 + index},{101 + index},{100 + index}"
        for index, moment in enumerate(moments)
    ]


@pytest.mark.parametrize(("zone", "clock"), [("", "09:30"), ("Z", "14:30"), ("-05:00", "09:30")])
def test_intraday_rows_are_served_as_they_are(write: Any, zone: str, clock: str) -> None:
    path = write(*five_minutes(zone, clock))

    bars, _ = load(path, "5min")

    assert numbers(bars) == [
        (100 + index, 103 + index, 98 + index, 101 + index, 100 + index) for index in range(78)
    ]
    (day,) = load(path, "1d")[0]
    assert numbers([day]) == [(100, 180, 98, 178, sum(range(100, 178)))]


@pytest.mark.parametrize("step", [1, 2, 7, 60])
def test_the_minutes_of_a_row_add_up_to_it(write: Any, step: int) -> None:
    start = pd.Timestamp("2026-11-18 09:30")
    moments = [start + pd.Timedelta(minutes=minute) for minute in range(0, 390, step)]
    rows = [
        (100 + i % 7, 109 + i % 5, 95 - i % 3, 101 + i % 2, 13 * i) for i in range(len(moments))
    ]
    lines = [
        f"{moment},{','.join(map(str, row))}" for moment, row in zip(moments, rows, strict=True)
    ]

    minutes = numbers(load(write(*lines), "1min")[0])

    assert len(minutes) == 390
    for index, row in enumerate(rows):
        part = minutes[index * step : (index + 1) * step]
        opens, highs, lows, ends, volumes = zip(*part, strict=True)
        assert (opens[0], max(highs), min(lows), ends[-1], sum(volumes)) == row
        assert all(low <= min(o, c) <= max(o, c) <= h for o, h, low, c, _ in part)


def test_date_and_time_may_be_two_columns(write: Any) -> None:
    rows = [row.replace(" ", ",", 1) for row in five_minutes()]

    bars, notes = load(write(*rows, header="Date,Time,open,high,low,close,volume"), "5min")

    assert len(bars) == 78
    assert notes[0] == "TSLA.csv: times name no zone; they were taken as New York time."


def test_the_price_stands_still_where_intraday_rows_are_missing(write: Any) -> None:
    rows = five_minutes()
    bars, notes = load(write(*rows[:10], *rows[12:]), "5min")

    assert numbers(bars[10:12]) == [(110, 110, 110, 110, 0)] * 2
    assert bars[12].o == 112
    assert "1 sessions have minutes without a row (first 2026-11-18)" in " ".join(notes)


def test_intraday_rows_outside_regular_hours_are_left_out(write: Any) -> None:
    early = "2026-11-18 04:00:00,90,91,89,90,5"
    bars, notes = load(write(early, *five_minutes()), "1d")

    assert bars[0].l == 98
    assert "TSLA.csv: 1 rows outside regular trading hours were left out." in notes


def test_hourly_rows_may_begin_with_half_an_hour(write: Any) -> None:
    clocks = ["09:30", "10:00", "11:00", "12:00", "13:00", "14:00", "15:00"]
    rows = [
        f"2026-11-18 {clock},{price},{price + 2},{price - 1},{price + 1},100"
        for price, clock in enumerate(clocks, start=5)
    ]
    path = write(*rows)

    halves, notes = load(path, "30min")

    assert [float(half.o) for half in halves[1::2]] == [6, 7, 8, 9, 10, 11]
    assert closes(halves[::2]) == [6, 7, 8, 9, 10, 11, 12]
    assert sum(half.v for half in halves) == 700
    assert "minutes without a row" not in " ".join(notes)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["2026-11-18 09:30:05,1,1,1,1,1", "2026-11-18 09:31:05,1,1,1,1,1"], "whole minute"),
        (["2026-11-18 09:30Z,1,1,1,1,1", "2026-11-18 09:31,1,1,1,1,1"], "row 3.* time zone"),
        (["2026-11-18 02:00,1,1,1,1,1", "2026-11-18 02:05,1,1,1,1,1"], "regular trading hours"),
    ],
)
def test_impossible_times_are_refused(write: Any, rows: list[str], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        load(write(*rows))
