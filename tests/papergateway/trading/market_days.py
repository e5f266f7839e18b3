"""Random trading days for the property tests: what clients do, and when."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from backend.papergateway.prices.bars import money
from backend.papergateway.trading import placing, tickets
from backend.papergateway.trading.advance import advance
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.orders import Order
from backend.papergateway.trading.placing import Failure
from backend.papergateway.trading.tickets import Refused

AAPL, IBM = 265598, 8314


@dataclass(frozen=True)
class Act:
    """`after_ms` later than the act before; `offset` are ticks between the price and the last."""

    after_ms: int
    kind: str
    conid: int
    side: str
    quantity: int
    offset: int
    tif: str
    outside_rth: bool


_ACTS = st.builds(
    Act,
    after_ms=st.one_of(st.integers(0, 90_000), st.integers(0, 30 * 3_600_000)),
    kind=st.sampled_from(
        [
            "MKT",
            "LMT",
            "STP",
            "STOP_LIMIT",
            "TRAIL",
            "TRAILLMT",
            "MIDPRICE",
            "bracket",
            "bracket",
            "oca",
            "cancel",
            "modify",
        ]
    ),
    conid=st.sampled_from([AAPL, IBM]),
    side=st.sampled_from(["BUY", "SELL"]),
    quantity=st.one_of(st.integers(1, 300), st.integers(1_000, 9_000)),
    offset=st.integers(-400, 400),
    tif=st.sampled_from(["DAY", "GTC", "GTC", "IOC", "OPG"]),
    outside_rth=st.booleans(),
)
DAYS = st.lists(_ACTS, min_size=1, max_size=8)
REST_MS = st.integers(0, 3 * 86_400_000)


def ticket(desk: Desk, act: Act, **more: Any) -> tickets.Ticket:
    """A ticket of the act's kind around the last price."""
    quote = desk.market.quote(act.conid, desk.now_ms)
    assert quote is not None
    near = quote.last + money(act.offset)
    body: dict[str, Any] = {
        "conid": act.conid,
        "side": act.side,
        "quantity": act.quantity,
        "orderType": act.kind,
        "tif": act.tif,
        "outsideRTH": act.outside_rth,
        "price": float(near),
    }
    if act.kind in ("STOP_LIMIT", "TRAILLMT"):
        body["auxPrice"] = float(near - Decimal("0.05"))
    if act.kind in ("TRAIL", "TRAILLMT"):
        body |= {"trailingType": "%", "trailingAmt": 0.2}
    if act.kind in ("MKT", "MIDPRICE", "TRAIL"):
        del body["price"]
    return tickets.read({**body, **more})


def bracket(desk: Desk, act: Act) -> list[tickets.Ticket]:
    """An entry with two targets over a half each and a stop over all."""
    quote = desk.market.quote(act.conid, desk.now_ms)
    assert quote is not None
    sign = 1 if act.side == "BUY" else -1
    half = act.quantity // 2
    name = f"entry-{desk.state.next_order}"
    out: dict[str, Any] = {"side": "SELL" if sign > 0 else "BUY", "tif": "GTC", "parentId": name}

    def exit_(kind: str, distance: str, quantity: int) -> tickets.Ticket:
        price = quote.last + sign * Decimal(distance)
        return ticket(desk, act, **out, orderType=kind, price=float(price), quantity=quantity)

    is_market = act.offset % 2 == 0
    entry = {"orderType": "MKT" if is_market else "LMT", "cOID": name, "tif": "DAY"}
    children = [
        exit_("LMT", "0.40", max(1, half)),
        exit_("LMT", "0.90", max(1, act.quantity - half)),
        exit_("STP", "-0.60", act.quantity),
    ]
    return [ticket(desk, act, **entry), *children]


def wanted(desk: Desk, act: Act) -> list[tickets.Ticket]:
    if act.kind == "bracket":
        return bracket(desk, act)
    if act.kind == "oca":
        one = {"orderType": "LMT", "tif": "GTC", "isSingleGroup": True}
        below = ticket(desk, act, **one)
        return [below, ticket(desk, act, **one), ticket(desk, act, **one)]
    return [ticket(desk, act)]


def do(desk: Desk, act: Act) -> list[Order | Failure]:
    """Carry the act out; what is refused changes nothing."""
    working = list(desk.working.values())
    try:
        if act.kind == "cancel":
            for order in working[:1]:
                desk.request_cancel(order)
        elif act.kind == "modify":
            _modify(desk, act, working)
        else:
            return placing.place(desk, wanted(desk, act))
    except Refused:
        pass
    return []


def _modify(desk: Desk, act: Act, working: list[Order]) -> None:
    limits = [order for order in working if order.kind == "LMT"]
    if limits:
        order = limits[-1]
        new = {"conid": order.conid, "side": order.side, "orderType": "LMT"}
        assert order.limit is not None
        price = float(money(order.limit + act.offset))
        placing.modify(desk, order, ticket(desk, act, **new, price=price))


def live_through(
    desk: Desk,
    acts: list[Act],
    rest_ms: int,
    *,
    step_ms: int | None = None,
    each: Callable[[], None] = lambda: None,
) -> Iterator[list[Order | Failure]]:
    """Act after act, moving on in jumps or in steps; yields what each act placed."""
    moment_ms = desk.now_ms
    for act in acts:
        moment_ms += act.after_ms
        move(desk, moment_ms, step_ms, each)
        yield do(desk, act)
        each()
    move(desk, moment_ms + rest_ms, step_ms, each)


def move(
    desk: Desk, to_ms: int, step_ms: int | None = None, each: Callable[[], None] = lambda: None
) -> None:
    while step_ms is not None and desk.now_ms + step_ms < to_ms:
        advance(desk, desk.now_ms + step_ms)
        each()
    advance(desk, to_ms)
    each()
