"""History: windows, bars, the cap of 1000 points, and the strings of the real answer."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.core.clock import from_ms
from backend.core.values import Timeframe
from backend.papergateway.periods import Period, choose_bar, parse_period
from backend.papergateway.running import RunningGateway

AAPL, IBM, MSFT = "265598", "8314", "272093"


def ask(client: httpx.Client, **query: object) -> httpx.Response:
    wanted = {"conid": AAPL, "period": "5d", "bar": "1d", **query}
    return client.get("/iserver/marketdata/history", params=wanted)  # type: ignore[arg-type]


def starts(client: httpx.Client, **query: object) -> list[datetime]:
    return [from_ms(point["t"]) for point in ask(client, **query).json()["data"]]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]


def test_daily_bars_carry_the_session_open_and_the_last_one_is_forming(
    primed: httpx.Client,
) -> None:
    days = (12, 13, 16, 17, 18)
    assert starts(primed) == [utc(2026, 11, day, 14, 30) for day in days]


def test_the_window_ends_at_start_time(primed: httpx.Client) -> None:
    found = starts(primed, startTime="20261107-00:00:00", period="3d")
    assert found == [utc(2026, 11, day, 14, 30) for day in (4, 5, 6)]


def test_a_window_across_the_clock_change_keeps_new_york_hours(primed: httpx.Client) -> None:
    # Summer time ended on Sunday, November 1.
    found = starts(primed, startTime="20261103-00:00:00", period="2d")
    assert found == [utc(2026, 10, 30, 13, 30), utc(2026, 11, 2, 14, 30)]


def test_forward_windows_begin_at_start_time(primed: httpx.Client) -> None:
    found = starts(primed, startTime="20261102-00:00:00", period="1w", direction=1)
    assert found == [utc(2026, 11, day, 14, 30) for day in (2, 3, 4, 5, 6)]
    assert ask(primed, direction=1).status_code == 400


def test_intraday_bars_stay_in_regular_hours_unless_told_otherwise(primed: httpx.Client) -> None:
    regular = starts(primed, period="1d", bar="30min")
    assert regular == [
        utc(2026, 11, 18, 14, 30),
        utc(2026, 11, 18, 15, 0),
        utc(2026, 11, 18, 15, 30),
    ]
    extended = starts(primed, period="1d", bar="30min", outsideRth="True")
    assert extended[0] == utc(2026, 11, 18, 9, 0)
    assert extended[-1] == utc(2026, 11, 18, 15, 30)


def test_no_bar_lies_in_the_future(primed: httpx.Client) -> None:
    assert starts(primed, startTime="20270101-00:00:00")[-1] == utc(2026, 11, 18, 14, 30)


def test_the_answer_has_the_shape_of_the_real_one(primed: httpx.Client) -> None:
    document = ask(primed).json()
    data: list[dict[str, Any]] = document["data"]
    assert document["points"] == len(data) - 1
    assert document["startTime"] == "20261112-14:30:00"
    assert (document["symbol"], document["text"]) == ("AAPL", "APPLE INC")
    assert (document["barLength"], document["timePeriod"]) == (86_400, "5d")
    assert (document["mdAvailability"], document["direction"]) == ("S", -1)
    price, volume, minutes = document["high"].split("/")
    top = max(data, key=lambda point: point["h"])
    assert int(price) == round(Decimal(str(top["h"])) * document["priceFactor"])
    assert float(volume) == top["v"]
    assert int(minutes) == (top["t"] - data[0]["t"]) // 60_000


@pytest.mark.parametrize(("conid", "factor"), [(AAPL, 40), (IBM, 1), (MSFT, 40)])
def test_volume_is_scaled_by_a_factor_of_the_instrument(
    gateway: RunningGateway, primed: httpx.Client, conid: str, factor: int
) -> None:
    document = ask(primed, conid=conid, startTime="20261118-00:00:00").json()
    assert document["volumeFactor"] == factor
    bars = gateway.world.market.bars(
        int(conid),
        "1d",
        start_ms=document["data"][0]["t"],
        end_ms=document["data"][-1]["t"] + 1,
        now_ms=gateway.control.now_ms(),
    )
    shares = [round(point["v"] * factor) for point in document["data"]]
    assert shares == [bar.v for bar in bars]


def test_midpoints_have_no_volume(primed: httpx.Client) -> None:
    assert {point["v"] for point in ask(primed, source="Midpoint").json()["data"]} == {0.0}


def test_at_most_1000_points_the_latest(primed: httpx.Client) -> None:
    found = starts(primed, period="10y", bar="1d")
    assert len(found) == 1000
    assert found[-1] == utc(2026, 11, 18, 14, 30)
    assert len(starts(primed, period="1000d", bar="1d")) == 1000


def test_an_unknown_bar_silently_becomes_four_hours(primed: httpx.Client) -> None:
    assert ask(primed, bar="5mins").json()["barLength"] == 4 * 3_600


def test_an_unknown_period_is_answered_with_the_default(primed: httpx.Client) -> None:
    document = ask(primed, period="3fortnights")
    assert (document.status_code, document.json()["timePeriod"]) == (200, "1w")


def test_a_window_without_data_is_a_500(primed: httpx.Client) -> None:
    answer = ask(primed, startTime="20020102-00:00:00")
    assert (answer.status_code, answer.json()) == (500, {"error": "No data."})


@pytest.mark.parametrize(
    "query", [{"conid": ""}, {"conid": "1"}, {"conid": "AAPL"}, {"startTime": "2026-01-01"}]
)
def test_a_question_that_makes_no_sense_is_a_400(
    primed: httpx.Client, query: dict[str, str]
) -> None:
    answer = ask(primed, **query)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("Bad Request: ")


def test_the_old_history_service_is_404_until_it_was_called_once(primed: httpx.Client) -> None:
    query = {"conid": AAPL, "period": "5d", "bar": "1d"}
    assert primed.get("/hmds/history", params=query).status_code == 404
    assert len(primed.get("/hmds/history", params=query).json()["data"]) == 5
    assert primed.post("/tickle").json()["hmds"] == {}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    conid=st.sampled_from([AAPL, "8314@NYSE", "0", "x", "\u00b2", "9" * 400]),
    period=st.one_of(
        st.text(max_size=6), st.from_regex(r"[0-9]{1,4}(min|h|d|w|m|y)", fullmatch=True)
    ),
    bar=st.sampled_from(["", "1min", "1h", "1d", "1w", "1m", "5mins"]),
    start=st.sampled_from(
        ["", "20261101-06:30:00", "00010101-00:00:00", "99991231-23:59:59", "20261126-12:00:00"]
    ),
    direction=st.sampled_from(["", "1", "-1", "2"]),
    outside=st.booleans(),
)
def test_no_question_breaks_the_gateway(
    primed: httpx.Client,
    conid: str,
    period: str,
    bar: str,
    start: str,
    direction: str,
    outside: bool,
) -> None:
    answer = ask(
        primed,
        conid=conid,
        period=period,
        bar=bar,
        startTime=start,
        direction=direction,
        outsideRth=outside,
    )
    if answer.status_code == 500:
        assert answer.json() == {"error": "No data."}
        return
    assert answer.status_code in (200, 400)
    times = [point["t"] for point in answer.json().get("data", [])]
    assert times == sorted(set(times))
    assert len(times) <= 1000


@pytest.mark.parametrize(
    ("written", "period"),
    [
        ("30min", Period(30, "min")),
        ("1000d", Period(1000, "d")),
        ("15y", Period(15, "y")),
        ("1001d", Period(1, "w")),
        ("0d", Period(1, "w")),
        ("1 d", Period(1, "w")),
        (None, Period(1, "w")),
    ],
)
def test_periods_follow_the_grammar(written: str | None, period: Period) -> None:
    assert parse_period(written) == period


@pytest.mark.parametrize(
    ("period", "bar", "served"),
    [
        ("1d", "1min", Timeframe.MIN_1),
        ("1d", "1d", Timeframe.HOUR_8),
        ("5d", "1d", Timeframe.DAY),
        ("5d", "1min", Timeframe.MIN_1),
        ("1w", "1min", Timeframe.MIN_10),
        ("1y", "1h", Timeframe.HOUR_8),
        ("250d", "1d", Timeframe.DAY),
        ("10y", "1d", Timeframe.DAY),
        ("15y", "1d", Timeframe.WEEK),
        ("2y", "1m", Timeframe.MONTH),
        ("1w", None, Timeframe.MIN_15),
        ("1y", None, Timeframe.DAY),
    ],
)
def test_the_step_table_decides_which_bar_is_served(
    period: str, bar: str | None, served: Timeframe
) -> None:
    assert choose_bar(bar, parse_period(period)) is served
