"""Whatever a client sends, the gateway answers in its own words and its books balance."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from backend.papergateway.server import create_app
from backend.papergateway.world import World

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["1e400", "-0", "0x10", "\u0663", "265598", "<script>"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)
FIELDS = st.sampled_from(
    [
        "conid",
        "conidex",
        "side",
        "orderType",
        "tif",
        "quantity",
        "cashQty",
        "fxQty",
        "price",
        "auxPrice",
        "trailingAmt",
        "trailingType",
        "cOID",
        "parentId",
        "isSingleGroup",
        "deactivated",
        "outsideRTH",
        "acctId",
    ]
)
KINDS = st.sampled_from(["MKT", "LMT", "STP", "STOP_LIMIT", "TRAIL", "TRAILLMT", "MIDPRICE"])


def ticket(kind: str, odd: dict[str, Any]) -> dict[str, Any]:
    usual = {"conid": 265598, "side": "BUY", "orderType": kind, "tif": "GTC", "quantity": 5}
    prices = {"price": 500, "auxPrice": 499, "trailingAmt": 1, "trailingType": "amt"}
    return {**usual, **prices, **odd}


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kind=KINDS,
    odd=st.dictionaries(FIELDS, ODD, max_size=3),
    other=st.dictionaries(FIELDS, ODD, max_size=2),
)
def test_odd_tickets_are_answered(
    room: RunningGateway, kind: str, odd: dict[str, Any], other: dict[str, Any]
) -> None:
    # A world of its own on the same market, which takes seconds to make.
    world = World(market=room.world.market, clock=room.world.clock, paced=False)
    with TestClient(create_app(world)) as client:
        client.get("/v1/api/iserver/accounts")
        path = f"/v1/api/iserver/account/{ACCOUNT}"
        answer = client.post(f"{path}/orders", json={"orders": [ticket(kind, odd)]})
        for _ in range(12):
            assert answer.status_code in (200, 400, 500)
            found = answer.json()
            if not isinstance(found, list) or "message" not in found[0]:
                break
            answer = client.post(
                f"/v1/api/iserver/reply/{found[0]['id']}", json={"confirmed": True}
            )
        for order in world.desk.state.orders:
            changed = client.post(f"{path}/order/{order}", json=ticket(kind, other))
            assert changed.status_code in (200, 400, 500)
            assert client.get(f"/v1/api/iserver/account/order/status/{order}").is_success
        assert world.desk.state.books.balances()
