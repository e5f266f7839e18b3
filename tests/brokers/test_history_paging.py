"""Long histories against one long question to the gateway's own market."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.brokers.client_portal import ClientPortalBroker
from backend.core.clock import to_ms
from backend.core.errors import OutsideError
from backend.core.values import Timeframe
from backend.papergateway.running import RunningGateway
from tests.brokers.conftest import TRADING_HOURS
from tests.brokers.stub_gateway import StubGateway

AAPL = 265598


def truth(
    gateway: RunningGateway, timeframe: Timeframe, start: datetime, end: datetime
) -> list[int]:
    bars = gateway.world.market.bars(
        AAPL,
        timeframe.value,
        start_ms=to_ms(start),
        end_ms=to_ms(end),
        now_ms=gateway.world.now_ms(),
        outside_rth=False,
    )
    return [bar.t for bar in bars if to_ms(start) <= bar.t < to_ms(end)]


def test_three_thousand_quarters_of_an_hour_have_no_gap_and_no_double(
    broker: ClientPortalBroker, gateway: RunningGateway
) -> None:
    start, end = TRADING_HOURS - timedelta(days=175), TRADING_HOURS
    bars = broker.history(AAPL, Timeframe.MIN_15, start=start, end=end).bars
    times = [bar.time for bar in bars]
    assert len(times) > 3_000
    assert times == truth(gateway, Timeframe.MIN_15, start, end)
    assert all(later > earlier for earlier, later in pairwise(times))


def test_ten_years_of_days_have_no_gap_and_no_double(
    broker: ClientPortalBroker, gateway: RunningGateway
) -> None:
    start, end = TRADING_HOURS - timedelta(days=3_650), TRADING_HOURS
    times = [bar.time for bar in broker.history(AAPL, Timeframe.DAY, start=start, end=end).bars]
    assert times == truth(gateway, Timeframe.DAY, start, end)
    assert len(times) > 2_400


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    timeframe=st.sampled_from(
        [Timeframe.MIN_30, Timeframe.HOUR_1, Timeframe.HOUR_4, Timeframe.DAY]
    ),
    back=st.integers(0, 60 * 24 * 60),
    length=st.integers(1, 60 * 24 * 40),
)
def test_any_window_holds_exactly_the_bars_that_start_in_it(
    broker: ClientPortalBroker,
    gateway: RunningGateway,
    timeframe: Timeframe,
    back: int,
    length: int,
) -> None:
    end = TRADING_HOURS - timedelta(minutes=back)
    start = end - timedelta(minutes=length)
    bars = broker.history(AAPL, timeframe, start=start, end=end).bars
    assert [bar.time for bar in bars] == truth(gateway, timeframe, start, end)


def test_each_page_asks_for_less_than_a_thousand_bars(
    broker: ClientPortalBroker, gateway: RunningGateway
) -> None:
    for timeframe, days in ((Timeframe.MIN_1, 3), (Timeframe.HOUR_1, 200), (Timeframe.DAY, 3_000)):
        start = TRADING_HOURS - timedelta(days=days)
        broker.history(AAPL, timeframe, start=start, end=TRADING_HOURS)
    assert not gateway.world.pacing.refusals
    asked = [item["query"] for item in gateway.control.requests() if "history" in item["path"]]
    assert all("direction=-1" in query and "startTime=" in query for query in asked)
    assert {"3y", "1m", "1d"} <= {query.split("period=")[1].split("&")[0] for query in asked}


def test_an_empty_window_does_not_end_the_search(
    broker: ClientPortalBroker, gateway: RunningGateway
) -> None:
    """A week without trading lies between the pages."""
    gateway.control.add_fault(
        "error", "iserver/marketdata/history", status=500, text="No data.", times=1
    )
    start = TRADING_HOURS - timedelta(days=21)
    bars = broker.history(AAPL, Timeframe.MIN_15, start=start, end=TRADING_HOURS).bars
    cut = TRADING_HOURS - timedelta(days=7)
    assert [bar.time for bar in bars] == truth(gateway, Timeframe.MIN_15, start, cut)


def page(**changes: Any) -> dict[str, Any]:
    bar = {"o": 1.5, "h": 2.5, "l": 1.25, "c": 2.0, "v": 12.5, "t": to_ms(TRADING_HOURS)}
    return {
        "data": [bar],
        "volumeFactor": 40,
        "barLength": 86_400,
        "mdAvailability": "S",
        **changes,
    }


def ask(broker: ClientPortalBroker) -> Any:
    day = timedelta(days=1)
    return broker.history(AAPL, Timeframe.DAY, start=TRADING_HOURS - day, end=TRADING_HOURS + day)


def test_volume_is_in_shares_and_prices_are_exact(
    stub: StubGateway, stub_broker: ClientPortalBroker
) -> None:
    stub.answer("iserver/marketdata/history", page(), {"data": []})
    (bar,) = ask(stub_broker).bars
    assert (str(bar.close), bar.volume) == ("2.0", 500)


@pytest.mark.parametrize(("availability", "is_delayed"), [("S", False), ("D", True), ("SD", True)])
def test_delayed_history_says_so(
    stub: StubGateway, stub_broker: ClientPortalBroker, availability: str, is_delayed: bool
) -> None:
    stub.answer("iserver/marketdata/history", page(mdAvailability=availability), {"data": []})
    assert ask(stub_broker).is_delayed is is_delayed


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"barLength": 14_400}, "bars of 14400 s where 1d"),
        ({"data": page()["data"] * 1_000}, "1000 bars"),
        ({"data": [{"t": 1, "o": None}]}, "a bar's open"),
    ],
)
def test_history_that_is_not_what_was_asked_for_is_refused(
    stub: StubGateway, stub_broker: ClientPortalBroker, changes: dict[str, Any], words: str
) -> None:
    stub.answer("iserver/marketdata/history", page(**changes))
    with pytest.raises(OutsideError, match=words) as caught:
        ask(stub_broker)
    assert caught.value.code == "bad_answer"
