"""The words of every question hold what clients look for."""

from decimal import Decimal
from typing import Any

from ibind.client.ibkr_utils import _MESSAGE_ID_TO_QUESTION_TYPE as KNOWN

from backend.core.clock import to_ms
from backend.papergateway.trading import placing, questions, tickets
from backend.papergateway.trading.advance import advance
from backend.papergateway.trading.desk import Desk
from backend.papergateway.trading.orders import Order
from tests.papergateway.trading.conftest import NEW_YORK_HALF_PAST_TEN

AAPL = 265598
OUGHT = "o163 o354 o382 o383 o403 o451 o10138 o10151 o10152 o10153 o10164 o10223 o10331"


def asked(desk: Desk, instead_of: Order | None = None, **body: Any) -> list[questions.Question]:
    usual = {"conid": AAPL, "side": "BUY", "orderType": "MKT", "tif": "GTC", "quantity": 100}
    ticket = tickets.read({**usual, **body})
    return list(questions.asked(desk, ticket, has_data=False, instead_of=instead_of))


def test_every_question_is_known_to_a_client_by_its_words(desk: Desk) -> None:
    quote = desk.market.quote(AAPL, to_ms(NEW_YORK_HALF_PAST_TEN))
    assert quote is not None
    (order,) = placing.place(
        desk,
        [
            tickets.read(
                {"conid": AAPL, "side": "BUY", "orderType": "LMT", "tif": "GTC"}
                | {"quantity": 1, "price": 100}
            )
        ],
    )
    assert isinstance(order, Order)
    found = [
        *asked(desk, quantity=600),
        *asked(desk, orderType="LMT", price=float(quote.last + Decimal("30.005"))),
        *asked(desk, orderType="STP", price=float(quote.last - 1)),
        *asked(desk, quantity=None, cashQty=1_000),
        *asked(desk, order, orderType="LMT", price=100, quantity=900),
    ]
    advance(desk, desk.now_ms + 8 * 3_600_000)
    found += asked(desk)
    texts = {question.id: question.text.strip().replace("\n", "") for question in found}
    assert texts.keys() == set(OUGHT.split())
    for identity, text in texts.items():
        assert str(KNOWN[identity][0]) in text


def test_a_question_is_asked_for_its_reason_alone(desk: Desk) -> None:
    quote = desk.market.quote(AAPL, desk.now_ms)
    assert quote is not None
    near = float(quote.last - 1)
    assert [each.id for each in asked(desk, orderType="LMT", price=near)] == ["o354"]
