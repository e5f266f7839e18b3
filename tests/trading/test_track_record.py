"""What closed round trips come to together, by hand and against plain reckoning."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from backend.trading.track_record import TrackRecord


def of(*nets: object) -> TrackRecord:
    record = TrackRecord()
    for net in nets:
        amount = Decimal(str(net))
        record.add(amount, amount / 100)
    return record


def test_a_record_worked_out_by_hand() -> None:
    record = of(100, -50, 200, -50, -100, 0)
    assert (record.count, record.wins, record.losses) == (6, 2, 3)
    assert record.net == 100
    assert record.win_rate == Decimal("0.33333333")
    assert record.expectancy == Decimal("16.66666667")
    assert record.expectancy_r == Decimal("0.16666667")
    assert record.profit_factor == Decimal("1.5")
    assert (record.average_win, record.average_loss) == (Decimal(150), Decimal("66.66666667"))
    assert record.payoff == Decimal("2.25000000")
    # From 250 down to 100.
    assert record.drawdown.deepest == 150
    assert record.drawdown.current == 150
    assert (record.streaks.winning, record.streaks.losing, record.streaks.current) == (1, 2, 0)


def test_a_record_that_begins_with_losses_falls_from_its_start() -> None:
    assert of(-30, -20, 10).drawdown.deepest == 50


def test_nothing_closed_comes_to_no_figure() -> None:
    record = TrackRecord()
    assert record.net == 0
    for name in ("win_rate", "expectancy", "expectancy_r", "profit_factor", "payoff"):
        assert getattr(record, name) is None, name


def test_without_a_loss_there_is_no_profit_factor() -> None:
    assert of(10, 20).profit_factor is None
    assert of(10, 20).payoff is None


def test_a_result_without_r_counts_in_money_alone() -> None:
    record = of(100)
    record.add(Decimal(-40), None)
    assert record.expectancy == 30
    assert record.expectancy_r == 1


def test_the_streak_of_now_is_told_with_its_direction() -> None:
    assert of(5, -1, -1, -1).streaks.current == -3
    assert of(-1, 5, 5).streaks.current == 2


amounts = st.lists(st.decimals(-10_000, 10_000, places=2), max_size=40)


@given(amounts)
def test_figures_agree_with_plain_reckoning(nets: list[Decimal]) -> None:
    record = of(*nets)
    assert record.net == sum(nets, Decimal(0))
    assert record.wins + record.losses <= record.count == len(nets)
    sums = [Decimal(0)]
    for net in nets:
        sums.append(sums[-1] + net)
    falls = [high - low for at, high in enumerate(sums) for low in sums[at:]]
    assert record.drawdown.deepest == max(falls)
    assert record.drawdown.current == max(sums) - sums[-1]


@given(amounts)
def test_what_expectancy_says_is_what_rate_and_payoff_say(nets: list[Decimal]) -> None:
    record = of(*nets)
    if not record.wins or not record.losses:
        return
    assert record.average_win is not None
    assert record.average_loss is not None
    assert record.expectancy is not None
    said = (record.wins * record.average_win - record.losses * record.average_loss) / record.count
    assert abs(said - record.expectancy) < Decimal("0.0001")
