"""What holds for every sequence of orders, fills, cancels and pauses."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.papergateway.trading import balances, funds, margin, placing
from backend.papergateway.trading.desk import STARTING_CASH, Desk
from backend.papergateway.trading.hours import Hours
from backend.papergateway.trading.ledger import Fill
from backend.papergateway.trading.orders import Order, Status
from backend.papergateway.trading.store import Store
from backend.papergateway.trading.tickets import Refused
from tests.papergateway.trading.market_days import (
    DAYS,
    REST_MS,
    Act,
    do,
    live_through,
    move,
    ticket,
    wanted,
)

few = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
NewDesk = Callable[[], Desk]


@few
@given(acts=DAYS, rest_ms=REST_MS)
def test_the_books_balance_to_the_cent_at_every_tick(
    new_desk: NewDesk, acts: list[Act], rest_ms: int
) -> None:
    desk, gained = new_desk(), Decimal(0)

    def check() -> None:
        nonlocal gained
        books, now = desk.state.books, balances.of(desk)
        gained = sum((fill.realised for fill in desk.state.fills), Decimal(0))
        assert books.balances()
        assert now.equity == STARTING_CASH + gained + now.unrealised
        assert books.cash == STARTING_CASH + sum(fill.cash for fill in desk.state.fills)
        for conid in {fill.conid for fill in desk.state.fills}:
            fills = (each.quantity for each in desk.state.fills if each.conid == conid)
            assert books.held(conid) == sum(fills)

    for _ in live_through(desk, acts, rest_ms, step_ms=7_200_000, each=check):
        pass
    check()


@few
@given(acts=DAYS, rest_ms=REST_MS, step_ms=st.integers(400_000, 40_000_000))
def test_one_jump_is_many_small_steps(
    new_desk: NewDesk, acts: list[Act], rest_ms: int, step_ms: int
) -> None:
    jumped, stepped = new_desk(), new_desk()
    for _ in live_through(jumped, acts, rest_ms):
        pass
    for _ in live_through(stepped, acts, rest_ms, step_ms=step_ms):
        pass
    assert asdict(jumped.state) | _TURNED == asdict(stepped.state) | _TURNED


_TURNED = {"turned_ms": 0}


@few
@given(acts=DAYS, step_ms=st.integers(1, 2_500))
def test_minutes_go_by_second_after_second_as_in_one_go(
    new_desk: NewDesk, acts: list[Act], step_ms: int
) -> None:
    jumped, stepped = new_desk(), new_desk()
    for act in acts:
        do(jumped, act)
        do(stepped, act)
    end_ms = jumped.now_ms + 50 * step_ms
    move(jumped, end_ms)
    move(stepped, end_ms, step_ms)
    assert asdict(jumped.state) | _TURNED == asdict(stepped.state) | _TURNED


@few
@given(acts=DAYS, rest_ms=REST_MS)
def test_families_never_get_more_than_they_may(
    new_desk: NewDesk, acts: list[Act], rest_ms: int
) -> None:
    desk = new_desk()

    def check() -> None:
        for order in desk.state.orders.values():
            parent = desk.parent(order)
            if parent is not None:
                assert parent.filled > 0 or not order.filled
                assert parent.filled > 0 or order.status is not Status.SUBMITTED
                assert sum(child.filled for child in desk.children(parent)) <= parent.filled
            assert 0 <= order.filled <= order.quantity
        groups: dict[str, int] = {}
        for order in desk.state.orders.values():
            if order.group is not None and order.filled:
                groups[order.group] = groups.get(order.group, 0) + 1
        assert all(count == 1 for count in groups.values())

    for _ in live_through(desk, acts, rest_ms, step_ms=3_600_000, each=check):
        pass


@few
@given(acts=DAYS, rest_ms=REST_MS)
def test_no_fill_lies_outside_its_minute_or_passes_its_limit(
    new_desk: NewDesk, acts: list[Act], rest_ms: int
) -> None:
    desk = new_desk()
    limits: dict[int, Decimal] = {}
    for _ in live_through(desk, [act for act in acts if act.kind != "modify"], rest_ms):
        for order in desk.state.orders.values():
            if order.limit is not None and order.kind != "TRAILLMT":
                limits[order.id] = Decimal(order.limit) / 100
    for fill in desk.state.fills:
        low, high = _minute(desk, fill)
        assert low <= fill.price <= high
        if fill.order_id in limits:
            sign = 1 if fill.quantity > 0 else -1
            assert (limits[fill.order_id] - fill.price) * sign >= 0


def _minute(desk: Desk, fill: Fill) -> tuple[Decimal, Decimal]:
    phase = Hours(desk.market).phase(fill.at_ms)
    path = desk.path(fill.conid, phase)
    assert path is not None
    low, high = path.bar(path.index(fill.at_ms))
    return Decimal(low) / 100, Decimal(high) / 100


@few
@given(acts=DAYS, rest_ms=REST_MS)
def test_an_opening_order_is_within_the_buying_power_when_it_is_accepted(
    new_desk: NewDesk, acts: list[Act], rest_ms: int
) -> None:
    desk = new_desk()
    for act in [act for act in acts if act.kind not in ("modify", "cancel")]:
        move(desk, desk.now_ms + act.after_ms)
        free, first = funds.free(desk), wanted(desk, act)[0].terms
        opening = margin.opening_shares(
            desk.state.books.held(first.conid),
            first.side.sign * first.quantity,
            funds.spoken_for(desk, first),
        )
        value = abs(opening) * funds.expected_price(desk, first)
        taken = [each for each in do(desk, act) if isinstance(each, Order)]
        if taken and value:
            assert value <= free * margin.LEVERAGE


@few
@given(acts=DAYS, rest_ms=REST_MS)
def test_orders_end_and_take_no_forbidden_step(
    new_desk: NewDesk, acts: list[Act], rest_ms: int
) -> None:
    """`Order.become` raises on a forbidden step; the rest is what the times in force promise."""
    desk = new_desk()
    for placed in live_through(desk, acts, rest_ms + 5 * 86_400_000):
        for order in placed:
            if isinstance(order, Order) and order.tif == "IOC":
                assert order.status.is_done
    for order in desk.working.values():
        assert order.tif == "GTC"


@few
@given(acts=DAYS, rest_ms=REST_MS)
def test_an_account_that_was_put_away_after_each_act_goes_on_as_if_nothing_had_happened(
    new_desk: NewDesk, acts: list[Act], rest_ms: int
) -> None:
    kept, other = new_desk(), new_desk()
    store = Store()
    for act in acts:
        for desk in (kept, other):
            move(desk, desk.now_ms + act.after_ms)
            do(desk, act)
        store.keep(kept)
        state = store.load()
        assert state is not None
        assert asdict(state) == asdict(kept.state)
        kept = Desk(kept.market, state)
    for desk in (kept, other):
        move(desk, desk.now_ms + rest_ms)
    assert asdict(kept.state) == asdict(other.state)
    store.close()


@few
@given(
    tries=st.lists(
        st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 20 * 3_600_000)), max_size=12
    )
)
def test_no_client_order_id_lives_twice_within_a_day(
    new_desk: NewDesk, tries: list[tuple[str, int]]
) -> None:
    desk = new_desk()
    act = Act(0, "LMT", 265598, "BUY", 1, -300, "GTC", False)
    for name, after_ms in tries:
        move(desk, desk.now_ms + after_ms)
        with suppress(Refused):
            placing.place(desk, [ticket(desk, act, cOID=name)])
    placed: dict[str, int] = {}
    for order in desk.state.orders.values():
        assert order.client_id is not None
        before = placed.get(order.client_id)
        assert before is None or order.placed_ms - before >= 86_400_000
        placed[order.client_id] = order.placed_ms
