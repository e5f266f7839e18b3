"""What one round trip came to, against figures worked out by hand and against its own laws."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from backend.trading.round_trip import RoundTripFigures, Side, gross_pnl

MONDAY = datetime(2026, 3, 2, 15, tzinfo=UTC)


def trip(**changes: Any) -> RoundTripFigures:
    """A hundred bought at 100.10 for a decision at 100, stop at 95, sold at 110."""
    usual: dict[str, Any] = {
        "side": "BUY",
        "entered": Decimal(100),
        "left": Decimal(100),
        "entry_price": Decimal("100.10"),
        "exit_price": Decimal(110),
        "stop": Decimal(95),
        "decision_price": Decimal(100),
        "commission": Decimal("2.00"),
        "gross": Decimal("990.00"),
        "best": Decimal(112),
        "worst": Decimal("98.07"),
        "opened_at": MONDAY,
        "closed_at": MONDAY + timedelta(hours=3),
    }
    return RoundTripFigures(**usual | changes)


def test_a_long_one_worked_out_by_hand() -> None:
    figures = trip()
    assert figures.net == Decimal("988.00")
    assert figures.risk_per_share == Decimal("5.10")
    assert figures.risk == Decimal("510.00")
    assert figures.gross_r == Decimal("1.94117647")
    assert figures.net_r == Decimal("1.93725490")
    assert (figures.mae, figures.mfe) == (Decimal("2.03"), Decimal("11.90"))
    assert (figures.mae_money, figures.mfe_money) == (Decimal("203.00"), Decimal("1190.00"))
    assert figures.mae_r == Decimal("0.39803922")
    assert (figures.slippage, figures.slippage_money) == (Decimal("0.10"), Decimal("10.00"))
    assert figures.held == timedelta(hours=3)


def test_a_short_one_is_its_mirror() -> None:
    short = trip(
        side="SELL",
        entry_price=Decimal("99.90"),
        exit_price=Decimal(90),
        stop=Decimal(105),
        best=Decimal(88),
        worst=Decimal("101.93"),
    )
    long = trip()
    for name in ("net", "risk", "net_r", "mae", "mfe", "mae_r", "mfe_r", "slippage"):
        assert getattr(short, name) == getattr(long, name), name


def test_what_is_not_known_is_none_and_not_nothing() -> None:
    unpriced = trip(entry_price=None, gross=None)
    for name in ("net", "risk", "net_r", "gross_r", "mae", "mfe_r", "slippage_money"):
        assert getattr(unpriced, name) is None, name
    still_open = trip(closed_at=None, best=None)
    assert still_open.held is None
    assert still_open.mfe is None


def test_an_entry_beyond_its_stop_has_no_risk_to_measure_by() -> None:
    gapped = trip(entry_price=Decimal(94))
    assert gapped.risk_per_share is None
    assert gapped.net_r is None
    assert gapped.mae_r is None


def test_a_price_that_never_went_against_it_is_an_excursion_of_nothing() -> None:
    assert trip(worst=Decimal("100.10")).mae == 0
    assert trip(worst=Decimal(101)).mae == 0


prices = st.decimals(Decimal("0.01"), Decimal(100_000), places=4)
sizes = st.integers(1, 1_000_000).map(Decimal)
sides: st.SearchStrategy[Side] = st.sampled_from(["BUY", "SELL"])


@st.composite
def trips(draw: st.DrawFn) -> RoundTripFigures:
    side, entry, leaving, size = draw(sides), draw(prices), draw(prices), draw(sizes)
    seen = [entry, leaving, *draw(st.lists(prices, max_size=4))]
    best, worst = (max(seen), min(seen)) if side == "BUY" else (min(seen), max(seen))
    return trip(
        side=side,
        entered=size,
        left=size,
        entry_price=entry,
        exit_price=leaving,
        stop=draw(prices),
        commission=draw(st.decimals(0, 100, places=2)),
        gross=gross_pnl(side, entry, leaving, size),
        best=best,
        worst=worst,
    )


@given(trips())
def test_a_result_lies_between_its_excursions(figures: RoundTripFigures) -> None:
    assert figures.gross is not None
    assert figures.mae_money is not None
    assert figures.mfe_money is not None
    assert -figures.mae_money <= figures.gross <= figures.mfe_money
    assert figures.net == figures.gross - figures.commission


@given(trips())
def test_leaving_at_the_first_stop_loses_one_risk(figures: RoundTripFigures) -> None:
    assume(figures.risk is not None)
    assert figures.entry_price is not None
    stopped = trip(
        side=figures.side,
        entry_price=figures.entry_price,
        stop=figures.stop,
        gross=gross_pnl(figures.side, figures.entry_price, figures.stop, Decimal(100)),
        commission=Decimal(0),
    )
    assert stopped.net_r == -1


@given(sides, prices, prices, sizes)
def test_what_one_side_gains_the_other_loses(
    side: Side, entry: Decimal, leaving: Decimal, size: Decimal
) -> None:
    other: Side = "SELL" if side == "BUY" else "BUY"
    assert gross_pnl(side, entry, leaving, size) == -gross_pnl(other, entry, leaving, size)
    assert gross_pnl(side, leaving, entry, size) == -gross_pnl(side, entry, leaving, size)


def test_the_sign_of_an_r_multiple_is_that_of_the_money() -> None:
    losing = trip(gross=Decimal("-255.00"), commission=Decimal(0))
    assert losing.net_r == Decimal("-0.5")


@pytest.mark.parametrize("entered", [Decimal(0), Decimal(-1)])
def test_nothing_entered_is_no_risk(entered: Decimal) -> None:
    assert trip(entered=entered).risk is None
    assert trip(entered=entered).mae is None
