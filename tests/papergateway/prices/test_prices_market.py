import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bokeh_sampledata import stocks
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.errors import NotFound, UnknownName
from backend.core.values import Timeframe
from backend.papergateway.prices import Market, PaperBar

At = Callable[[str], int]
TODAY = date(2026, 11, 21)
AAPL, IBM, MSFT, FB, GOOG = 265598, 8314, 272093, 107113386, 208813720
INTRADAY = [each.value for each in Timeframe if each.is_intraday]
MINUTE = 60_000
ROOT = Path(__file__).parents[3]
FAR = 4_102_444_800_000
"""Some moment after every price."""


def joined(bars: list[PaperBar]) -> tuple[Decimal, Decimal, Decimal, Decimal, int]:
    return (
        bars[0].o,
        max(bar.h for bar in bars),
        min(bar.l for bar in bars),
        bars[-1].c,
        sum(bar.v for bar in bars),
    )


def day_bars(market: Market, day: date, bar: str, conid: int = AAPL) -> list[PaperBar]:
    session = market.sessions(day, day)[0]
    return market.bars(conid, bar, start_ms=session.open_ms, end_ms=session.close_ms, now_ms=FAR)


def test_the_five_shares_have_their_real_conids(market: Market) -> None:
    assert {each.symbol: conid for conid, each in market.instruments.items()} == {
        "AAPL": AAPL,
        "FB": FB,
        "GOOG": GOOG,
        "IBM": IBM,
        "MSFT": MSFT,
    }
    assert market.by_symbol(" aapl ") == market.instruments[AAPL]
    assert market.by_symbol("AAPX") is None


def test_a_real_day_is_served_to_the_cent_and_to_the_share(market: Market) -> None:
    raw = stocks.GOOG
    # The weekday and the season stay: 731 weeks lie between the two days.
    real = raw["date"].index("2012-11-15")

    (bar,) = day_bars(market, date(2026, 11, 19), "1d", GOOG)

    assert [bar.o, bar.h, bar.l, bar.c] == [
        Decimal(str(round(raw[name][real], 2))).quantize(Decimal("0.01"))
        for name in ("open", "high", "low", "close")
    ]
    assert bar.v == raw["volume"][real]


@pytest.mark.parametrize("bar", INTRADAY)
@pytest.mark.parametrize("day", [date(2026, 11, 19), date(2026, 11, 27), date(2015, 9, 16)])
def test_bars_of_every_length_add_up_to_the_day(market: Market, bar: str, day: date) -> None:
    for conid in (AAPL, IBM, MSFT):
        (whole,) = day_bars(market, day, "1d", conid)
        parts = day_bars(market, day, bar, conid)

        assert joined(parts) == (whole.o, whole.h, whole.l, whole.c, whole.v)
        assert parts[0].t == whole.t
        assert all(part.l <= min(part.o, part.c) for part in parts)
        assert all(part.h >= max(part.o, part.c) for part in parts)


@settings(max_examples=40, deadline=None)
@given(offset=st.integers(0, 3_600), conid=st.sampled_from([AAPL, IBM, MSFT]))
def test_any_day_of_sixteen_years_adds_up(market: Market, offset: int, conid: int) -> None:
    session = market.sessions(date(2014, 3, 5), date(2029, 12, 31))[offset]
    (whole,) = day_bars(market, session.day, "1d", conid)

    for bar in ("1min", "3min", "1h"):
        parts = day_bars(market, session.day, bar, conid)
        assert joined(parts) == (whole.o, whole.h, whole.l, whole.c, whole.v)


@pytest.mark.parametrize("bar", ["1w", "1m"])
def test_weeks_and_months_are_made_of_days(market: Market, at: At, bar: str) -> None:
    window: dict[str, Any] = {
        "start_ms": at("2026-02-01"),
        "end_ms": at("2026-11-21"),
        "now_ms": at("2026-11-21"),
    }
    days = market.bars(AAPL, "1d", **window)

    longer = market.bars(AAPL, bar, **window)

    assert longer[0].t == days[0].t
    edges = [bar.t for bar in longer[1:]] + [window["end_ms"]]
    for each, end in zip(longer, edges, strict=True):
        inside = [day for day in days if each.t <= day.t < end]
        assert joined(inside) == (each.o, each.h, each.l, each.c, each.v)


def test_a_week_begins_on_tuesday_when_monday_is_a_holiday(market: Market, at: At) -> None:
    moments: dict[str, Any] = {
        "start_ms": at("2026-09-05"),
        "end_ms": at("2026-09-13"),
        "now_ms": at("2026-09-13"),
    }

    (week,) = market.bars(AAPL, "1w", **moments)

    assert week.t == at("2026-09-08T13:30")


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        (date(2026, 10, 30), "2026-10-30T13:30", "2026-10-30T20:00"),
        (date(2026, 11, 2), "2026-11-02T14:30", "2026-11-02T21:00"),
        (date(2027, 3, 12), "2027-03-12T14:30", "2027-03-12T21:00"),
        (date(2027, 3, 15), "2027-03-15T13:30", "2027-03-15T20:00"),
        (date(2026, 11, 27), "2026-11-27T14:30", "2026-11-27T18:00"),
    ],
)
def test_bars_stand_at_new_york_hours_through_clock_changes_and_half_days(
    market: Market, at: At, day: date, opens: str, closes: str
) -> None:
    minutes = day_bars(market, day, "1min")
    session = market.sessions(day, day)[0]

    assert minutes[0].t == day_bars(market, day, "1d")[0].t == at(opens)
    assert minutes[-1].t + MINUTE == at(closes)
    assert len(minutes) == session.minutes == (at(closes) - at(opens)) // MINUTE
    assert session.is_half_day is (session.minutes == 210)


def test_thanksgiving_has_no_bars(market: Market, at: At) -> None:
    window: dict[str, Any] = {
        "start_ms": at("2026-11-26T05:00"),
        "end_ms": at("2026-11-27T05:00"),
        "now_ms": FAR,
    }

    assert market.bars(AAPL, "1min", **window, outside_rth=True) == []
    assert market.bars(AAPL, "1d", **window) == []
    assert market.minutes(AAPL, date(2026, 11, 26)) is None


def test_only_bars_that_start_in_the_window_are_given(market: Market, at: At) -> None:
    start, end = at("2026-11-19T14:31"), at("2026-11-19T15:00")

    bars = market.bars(AAPL, "10min", start_ms=start, end_ms=end, now_ms=FAR)

    assert [bar.t for bar in bars] == [at("2026-11-19T14:40"), at("2026-11-19T14:50")]


def test_the_newest_bars_of_a_long_window_may_be_asked_for(market: Market, at: At) -> None:
    window: dict[str, Any] = {
        "start_ms": at("2026-11-02"),
        "end_ms": FAR,
        "now_ms": at("2026-11-21"),
    }
    every = market.bars(AAPL, "30min", **window)

    assert market.bars(AAPL, "30min", **window, keep=slice(-5, None)) == every[-5:]


def test_extended_hours_surround_the_regular_bars_without_changing_them(
    market: Market, at: At
) -> None:
    window: dict[str, Any] = {
        "start_ms": at("2026-11-19T05:00"),
        "end_ms": at("2026-11-20T02:00"),
        "now_ms": FAR,
    }
    regular = market.bars(AAPL, "30min", **window)

    every = market.bars(AAPL, "30min", **window, outside_rth=True)

    assert every[0].t == at("2026-11-19T09:00")  # 04:00 in New York
    assert every[-1].t == at("2026-11-20T00:30")
    assert every[11:-8] == regular
    assert every[10].c == regular[0].o
    assert every[-8].o == every[-1].c == regular[-1].c
    thin = sum(bar.v for bar in every[:11]) + sum(bar.v for bar in every[-8:])
    assert 0 < thin < sum(bar.v for bar in regular) / 20
    assert market.bars(AAPL, "1d", **window, outside_rth=True) == market.bars(AAPL, "1d", **window)


@settings(max_examples=12, deadline=None)
@given(
    second=st.integers(0, 23_400 - 1),
    bar=st.sampled_from(["1min", "3min", "1h", "8h", "1d", "1w", "1m"]),
)
def test_a_forming_bar_holds_exactly_what_was_quoted_so_far(
    market: Market, second: int, bar: str
) -> None:
    session = market.sessions(date(2026, 11, 19), date(2026, 11, 19))[0]
    now = session.open_ms + second * 1000 + 500
    window: dict[str, Any] = {
        "start_ms": session.open_ms - 40 * 86_400_000,
        "end_ms": session.close_ms,
    }
    closed_later = market.bars(IBM, bar, **window, now_ms=FAR)

    *closed, forming = market.bars(IBM, bar, **window, now_ms=now)

    assert closed == closed_later[: len(closed)]
    assert forming.t == closed_later[len(closed)].t <= now
    first_second = max(forming.t, now - 60_000)
    prints = [market.quote(IBM, moment) for moment in range(first_second, now + 1, 1000)]
    prices = [each.last for each in prints if each is not None]
    assert forming.c == prices[-1]
    assert forming.h >= max(prices)
    assert forming.l <= min(prices)
    if first_second == forming.t:
        assert (forming.o, forming.h, forming.l) == (prices[0], max(prices), min(prices))


def test_a_bar_begins_with_its_first_second_and_not_before(market: Market, at: At) -> None:
    opens = at("2026-11-19T14:30")
    window: dict[str, Any] = {"start_ms": at("2026-11-19"), "end_ms": FAR}

    assert market.bars(AAPL, "1d", **window, now_ms=opens - 1) == []
    (bar,) = market.bars(AAPL, "1d", **window, now_ms=opens)

    assert bar.o == bar.h == bar.l == bar.c
    assert bar.v < 100_000


def test_what_comes_after_today_leaves_today_alone(tmp_path: Path, at: At) -> None:
    days = [session.day for session in Market(today=TODAY).sessions(date(2026, 8, 3), TODAY)]
    worlds = []
    for name, step in (("one", 1.0), ("two", -0.5)):
        prices = [100 + index if index < 60 else 160 + index * step for index in range(len(days))]
        rows = [
            f"{day},{price},{price + 2},{price - 2},{price + 1},{1000 + price:.0f}"
            for day, price in zip(days, prices, strict=True)
        ]
        path = tmp_path / name / "OWN.csv"
        path.parent.mkdir()
        path.write_text("\n".join(["date,open,high,low,close,volume", *rows]))
        worlds.append(Market(today=TODAY, files=[path]))
    now = worlds[0].sessions(days[59], days[59])[0].open_ms + 5_000_000

    for bar in ("1min", "1h", "1d", "1w", "1m"):
        seen = []
        for world in worlds:
            own = world.by_symbol("OWN")
            assert own is not None
            window: dict[str, Any] = {
                "start_ms": at("2026-08-03"),
                "end_ms": now + 1,
                "now_ms": now,
            }
            seen.append(world.bars(own.conid, bar, **window, outside_rth=True))
        assert seen[0] == seen[1] != []


def test_a_later_start_finds_the_same_world(market: Market, at: At) -> None:
    window: dict[str, Any] = {
        "start_ms": at("2026-11-01"),
        "end_ms": FAR,
        "now_ms": at("2027-06-01"),
    }

    later = Market(today=date(2027, 5, 1))

    for conid in (AAPL, FB):
        assert later.bars(conid, "1d", **window) == market.bars(conid, "1d", **window)
    now = at("2026-11-19T15:47:13")
    assert later.quote(AAPL, now) == market.quote(AAPL, now)


def test_another_process_sees_the_same_prices(market: Market, at: At) -> None:
    now = at("2026-11-19T15:47:13")
    program = (
        "import warnings; warnings.simplefilter('ignore')\n"
        "from datetime import date\n"
        "from backend.papergateway.prices import Market\n"
        f"market = Market(today=date(2026, 11, 21))\n"
        f"print(market.quote({AAPL}, {now}))\n"
        f"print(market.bars({AAPL}, '2min', start_ms={now - 900_000}, end_ms={now}, now_ms={now}))"
    )

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )

    bars = market.bars(AAPL, "2min", start_ms=now - 900_000, end_ms=now, now_ms=now)
    assert run.stdout == f"{market.quote(AAPL, now)}\n{bars}\n"


def test_another_seed_is_another_path_through_the_same_day(market: Market) -> None:
    other, day = Market(today=TODAY, seed=2), date(2026, 11, 19)

    assert day_bars(other, day, "1d") == day_bars(market, day, "1d")
    assert day_bars(other, day, "1min") != day_bars(market, day, "1min")


def test_the_market_goes_on_after_the_data_without_a_jump(market: Market, at: At) -> None:
    window: dict[str, Any] = {
        "start_ms": at("2027-03-05"),
        "end_ms": at("2027-03-20"),
        "now_ms": FAR,
    }

    last, *later = market.bars(IBM, "1d", **window)

    assert (str(last.c), stocks.IBM["close"][-1]) == ("202.91", 202.91)
    assert len(later) == 10
    assert abs(later[0].o - last.c) < 3


def test_a_quote_agrees_with_the_bars(market: Market, at: At) -> None:
    now = at("2026-11-19T15:47:13")
    window: dict[str, Any] = {"start_ms": at("2026-11-18"), "end_ms": FAR, "now_ms": now}
    yesterday, today = market.bars(AAPL, "1d", **window)

    quote = market.quote(AAPL, now)

    assert quote is not None
    assert (quote.open, quote.high, quote.low, quote.last, quote.volume) == (
        today.o,
        today.h,
        today.l,
        today.c,
        today.v,
    )
    assert quote.prior_close == yesterday.c
    assert quote.bid < quote.ask
    assert quote.last in (quote.bid, quote.ask)
    assert min(quote.bid_size, quote.ask_size, quote.last_size) >= 100
    assert quote.is_open
    assert quote.updated_ms == now


def test_before_the_bell_a_quote_has_no_open_yet(market: Market, at: At) -> None:
    quote = market.quote(AAPL, at("2026-11-19T14:29:59"))

    assert quote is not None
    assert (quote.open, quote.high, quote.low, quote.volume) == (None, None, None, 0)
    assert not quote.is_open
    assert quote.last == day_bars(market, date(2026, 11, 19), "1min")[0].o
    assert quote.prior_close == day_bars(market, date(2026, 11, 18), "1d")[0].c


def test_on_a_weekend_the_last_trade_of_friday_stands(market: Market, at: At) -> None:
    friday = day_bars(market, date(2026, 11, 20), "1d")[0]

    saturday, sunday = (
        market.quote(IBM, at("2026-11-21T12:00")),
        market.quote(IBM, at("2026-11-22T23:00")),
    )

    assert saturday == sunday
    assert saturday is not None
    assert saturday.last == day_bars(market, date(2026, 11, 20), "1d", IBM)[0].c != friday.c
    assert saturday.updated_ms == at("2026-11-21T00:59:59")
    assert not saturday.is_open


def test_there_is_no_quote_before_the_first_day_and_after_the_last(market: Market) -> None:
    facebook = market.instruments[FB]

    assert market.quote(FB, facebook.first_ms - 6 * 3_600_000) is None
    assert market.quote(FB, facebook.first_ms) is not None
    assert market.quote(FB, facebook.last_ms) is not None
    assert market.quote(FB, facebook.last_ms + 5 * 3_600_000) is None


def test_minutes_are_ready_for_a_matching_engine(market: Market) -> None:
    minutes = market.minutes(AAPL, date(2026, 11, 19))
    (day,) = day_bars(market, date(2026, 11, 19), "1d")

    assert minutes is not None
    assert len(minutes) == 390
    assert minutes.h.max() == day.h * 100
    assert minutes.v.sum() == day.v
    assert (np.diff(minutes.t) == MINUTE).all()


def test_sessions_know_their_neighbours(market: Market, at: At) -> None:
    wednesday, friday = market.sessions(date(2026, 11, 25), date(2026, 11, 29))
    thanksgiving = at("2026-11-26T15:00")

    assert market.session_for(thanksgiving) == market.previous_session(thanksgiving) == wednesday
    assert market.next_session(thanksgiving) == friday
    assert friday.is_half_day
    assert not market.is_open(thanksgiving)
    assert market.is_open(friday.open_ms)
    assert market.is_open(friday.close_ms - 1)
    assert not market.is_open(friday.close_ms)
    assert market.session_for(0) is None
    assert market.previous_session(0) is None
    assert market.next_session(FAR) is None


def test_unknown_names_are_answered_with_the_nearest(market: Market) -> None:
    with pytest.raises(UnknownName, match=r"No bar is '5mins' long\. Did you mean '5min'"):
        market.bars(AAPL, "5mins", start_ms=0, end_ms=1, now_ms=1)
    with pytest.raises(NotFound, match="No instrument has the conid 7"):
        market.quote(7, 0)
