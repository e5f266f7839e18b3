"""Orders through our client: placed once, answered, changed, cancelled, read back."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from backend.brokers.client_portal import ClientPortalBroker
from backend.brokers.orders import (
    BrokerOrder,
    OrderAnswer,
    OrderStatus,
    OutcomeUnknown,
    Question,
    Refused,
    Taken,
    Ticket,
)
from backend.core.errors import InvalidInput, OutsideError, SessionDown, TemporaryError
from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway
from tests.brokers.conftest import MakeBroker
from tests.brokers.tickets import AAPL, bracket, limit, ticket

ORDERS = f"iserver/account/{ACCOUNT}/orders"


@pytest.fixture
def trading(broker: ClientPortalBroker) -> ClientPortalBroker:
    """With a session, and a quote, without which IBKR asks one question more."""
    broker.ensure_session()
    broker.quote(AAPL)
    return broker


def last(broker: ClientPortalBroker) -> Decimal:
    price = broker.quote(AAPL).last
    assert price is not None
    return price.quantize(Decimal(1))


def yes_to_all(broker: ClientPortalBroker, answer: OrderAnswer) -> OrderAnswer:
    while isinstance(answer, Question):
        answer = broker.reply(ACCOUNT, answer, is_confirmed=True)
    return answer


def place(broker: ClientPortalBroker, *tickets: Ticket) -> Taken:
    answer = yes_to_all(broker, broker.place(ACCOUNT, tickets))
    assert isinstance(answer, Taken), answer
    return answer


def listed(broker: ClientPortalBroker) -> dict[str | None, BrokerOrder]:
    return {order.client_order_id: order for order in broker.orders(ACCOUNT)}


def placed_at(gateway: RunningGateway) -> list[str | None]:
    return [order.get("order_ref") for order in gateway.control.books()["orders"]]


def test_a_market_order_is_taken_filled_and_read_back(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    (taken,) = place(trading, ticket()).orders
    gateway.control.advance(5)
    order = listed(trading)["gb-1-entry"]
    assert order.order_id == taken.order_id
    assert (order.status, order.filled) == (OrderStatus.FILLED, Decimal(10))
    assert (order.tif, order.side, order.order_type) == ("DAY", "BUY", "MKT")
    fills = [fill for fill in trading.fills(ACCOUNT) if fill.order_id == order.order_id]
    assert sum(fill.quantity for fill in fills) == 10
    assert {fill.client_order_id for fill in fills} == {"gb-1-entry"}
    spent = sum((fill.price * fill.quantity for fill in fills), Decimal(0))
    assert order.average_price is not None
    assert abs(order.average_price - spent / 10) < Decimal("0.001")
    told = sum(fill.commission or Decimal(0) for fill in fills)
    assert told == Decimal(gateway.control.books()["accounts"]["fees"])


def test_a_bracket_is_taken_whole_and_its_legs_know_their_parent(
    trading: ClientPortalBroker,
) -> None:
    entry, stop, target = bracket(last(trading) - 20)
    taken = {order.client_order_id: order for order in place(trading, entry, stop, target).orders}
    assert taken.keys() == {"gb-1-entry", "gb-1-stop", "gb-1-t1"}
    assert all(order.refusal is None and order.status is not None for order in taken.values())
    orders = listed(trading)
    parent = orders["gb-1-entry"].order_id
    assert orders["gb-1-entry"].limit_price == entry.limit_price
    assert orders["gb-1-stop"].parent_order_id == orders["gb-1-t1"].parent_order_id == parent
    assert orders["gb-1-stop"].stop_price == stop.stop_price
    assert orders["gb-1-stop"].status is OrderStatus.HELD
    assert orders["gb-1-t1"].limit_price == target.limit_price
    assert {order.tif for name, order in orders.items() if name != "gb-1-entry"} == {"GTC"}


@pytest.mark.parametrize(
    "terms",
    [
        {"order_type": "LMT", "limit_price": Decimal("100.05")},
        {"order_type": "STP", "stop_price": Decimal("900.1")},
        {"order_type": "STOP_LIMIT", "limit_price": Decimal(910), "stop_price": Decimal(900)},
        {"order_type": "TRAIL", "trail": Decimal("300.5"), "stop_price": Decimal(900)},
        {"order_type": "LMT", "limit_price": Decimal(100), "outside_rth": True, "tif": "GTC"},
    ],
)
def test_every_type_of_order_comes_back_as_it_was_sent(
    trading: ClientPortalBroker, terms: dict[str, Any]
) -> None:
    sent = ticket(**terms)
    place(trading, sent)
    order = listed(trading)[sent.client_order_id]
    assert order.order_type == sent.order_type
    assert order.limit_price == sent.limit_price
    assert order.stop_price == sent.stop_price
    assert (order.tif, order.outside_rth) == (sent.tif, sent.outside_rth)
    assert not order.status.is_final


def test_an_order_without_its_price_never_goes_out(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    with pytest.raises(InvalidInput, match=r"STP.*stop_price"):
        trading.place(ACCOUNT, [ticket(order_type="STP")])
    assert placed_at(gateway) == []


def test_a_question_is_asked_in_plain_words_and_a_no_ends_it(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    question = trading.place(ACCOUNT, [ticket()])
    assert isinstance(question, Question)
    assert question.message_ids
    assert question.text == " ".join(question.text.split())
    assert "<" not in question.text
    assert isinstance(trading.reply(ACCOUNT, question, is_confirmed=False), Refused)
    assert placed_at(gateway) == []


def test_a_question_of_an_unknown_kind_is_passed_on(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("unknown_question", ORDERS, message_id="o777", text="Sure?<br/>Yes")
    question = trading.place(ACCOUNT, [limit(100)])
    assert isinstance(question, Question)
    assert (question.message_ids, question.text) == (("o777",), "Sure? Yes")


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_a_prompt_is_answered_by_its_own_call_and_the_order_looked_up(
    trading: ClientPortalBroker, gateway: RunningGateway, is_confirmed: bool
) -> None:
    gateway.control.add_fault("prompt", ORDERS)
    prompt = trading.place(ACCOUNT, [limit(100)])
    while isinstance(prompt, Question) and not prompt.is_prompt:
        prompt = trading.reply(ACCOUNT, prompt, is_confirmed=True)
    assert isinstance(prompt, Question)
    assert (prompt.message_ids, prompt.options) == (("p12",), ("Yes", "No"))
    answer = trading.reply(ACCOUNT, prompt, is_confirmed=is_confirmed)
    assert isinstance(answer, Taken if is_confirmed else Refused)
    assert ("gb-1-entry" in listed(trading)) is is_confirmed


def test_a_prompt_answered_twice_may_have_let_the_order_live(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("prompt", ORDERS)
    prompt = trading.place(ACCOUNT, [limit(100)])
    while isinstance(prompt, Question) and not prompt.is_prompt:
        prompt = trading.reply(ACCOUNT, prompt, is_confirmed=True)
    assert isinstance(prompt, Question)
    trading.reply(ACCOUNT, prompt, is_confirmed=True)
    with pytest.raises(OutcomeUnknown):
        trading.reply(ACCOUNT, prompt, is_confirmed=True)


@pytest.mark.parametrize(
    ("tickets", "words"),
    [
        ([limit("100.001")], "price"),
        ([ticket(quantity=Decimal("0.5"))], "fractions"),
        ([ticket(quantity=Decimal(0))], "greater than zero"),
        ([ticket(quantity=Decimal(10_000_000))], ""),
        ([ticket(conid=1)], "conid 1"),
        ([ticket(parent="nobody")], "nobody"),
    ],
)
def test_a_definite_no_is_a_refusal(
    trading: ClientPortalBroker, gateway: RunningGateway, tickets: Sequence[Ticket], words: str
) -> None:
    answer = yes_to_all(trading, trading.place(ACCOUNT, tickets))
    assert isinstance(answer, Refused)
    assert words in answer.text
    assert placed_at(gateway) == []


def test_the_account_of_somebody_else_takes_no_order(trading: ClientPortalBroker) -> None:
    assert isinstance(trading.place("DU7654321", [ticket()]), Refused)


@pytest.mark.parametrize(
    ("fault", "lives"),
    [
        ({"kind": "drop"}, False),
        ({"kind": "drop_after"}, True),
        ({"kind": "error", "status": 503}, False),
        ({"kind": "error_after", "status": 503}, True),
        ({"kind": "stall", "seconds": 0.01}, False),
        ({"kind": "delay_after", "seconds": 1.5}, True),
        ({"kind": "empty"}, False),
        ({"kind": "html", "status": 200}, False),
    ],
)
def test_where_the_order_may_live_it_is_said_so_and_nothing_is_sent_again(
    make_broker: MakeBroker, gateway: RunningGateway, fault: dict[str, Any], lives: bool
) -> None:
    broker = make_broker(read_seconds=1.0)
    broker.ensure_session()
    broker.quote(AAPL)
    order = limit(last(broker) - 3)
    gateway.control.add_fault(path=ORDERS, method="POST", times=1, **fault)
    with pytest.raises(OutcomeUnknown) as caught:
        yes_to_all(broker, broker.place(ACCOUNT, [order]))
    assert "may live" in caught.value.message
    assert gateway.control.faults()[0]["seen"] == 1
    gateway.control.clear_faults()
    assert (order.client_order_id in listed(broker)) is lives


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ({"kind": "rate_limit"}, TemporaryError, "rate_limited"),
        ({"kind": "fake_401"}, TemporaryError, "gateway_unavailable"),
        ({"kind": "sso_expired"}, SessionDown, "logged_out"),
    ],
)
def test_where_nothing_was_taken_the_error_is_another_one(
    trading: ClientPortalBroker,
    gateway: RunningGateway,
    fault: dict[str, Any],
    error: type[OutsideError],
    code: str,
) -> None:
    gateway.control.add_fault(path=ORDERS, method="POST", times=1, **fault)
    with pytest.raises(error) as caught:
        trading.place(ACCOUNT, [ticket()])
    assert (type(caught.value), caught.value.code) == (error, code)
    assert placed_at(gateway) == []


def test_a_gateway_that_is_not_there_took_nothing(make_broker: MakeBroker) -> None:
    with pytest.raises(SessionDown) as caught:
        make_broker(base_url="https://127.0.0.1:1").place(ACCOUNT, [ticket()])
    assert caught.value.code == "unreachable"


def test_a_session_that_is_gone_is_brought_back_and_the_order_sent(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    gateway.control.happen("nightly_reset")
    assert isinstance(trading.place(ACCOUNT, [ticket()]), Question)


def test_the_same_client_order_id_twice_means_that_the_first_may_live(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    order = limit(last(trading) - 3)
    place(trading, order)
    with pytest.raises(OutcomeUnknown) as caught:
        yes_to_all(trading, trading.place(ACCOUNT, [order]))
    assert caught.value.code == "already_registered"
    assert placed_at(gateway) == ["gb-1-entry"]


@pytest.mark.parametrize("kind", ["stale_reply_live", "stale_reply_lost"])
def test_a_stale_reply_leaves_open_whether_the_order_lives(
    trading: ClientPortalBroker, gateway: RunningGateway, kind: str
) -> None:
    question = trading.place(ACCOUNT, [ticket()])
    assert isinstance(question, Question)
    gateway.control.add_fault(kind, "iserver/reply/*", times=1)
    with pytest.raises(OutcomeUnknown):
        trading.reply(ACCOUNT, question, is_confirmed=True)
    assert ("gb-1-entry" in listed(trading)) is (kind == "stale_reply_live")


def test_a_reply_to_a_question_that_a_restart_forgot_leaves_it_open(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    question = trading.place(ACCOUNT, [ticket()])
    assert isinstance(question, Question)
    gateway.control.restart()
    trading.ensure_session()
    with pytest.raises(OutcomeUnknown):
        trading.reply(ACCOUNT, question, is_confirmed=True)
    assert listed(trading) == {}


def test_a_bracket_whose_children_are_refused_says_which_and_trusts_no_state(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("child_refused", ORDERS, text="No stop for you.")
    taken = place(trading, *bracket(last(trading) - 20))
    orders = {order.client_order_id: order for order in taken.orders}
    assert orders["gb-1-entry"].status is None
    assert orders["gb-1-entry"].order_id is not None
    for leg in ("gb-1-stop", "gb-1-t1"):
        assert orders[leg].refusal == "No stop for you."
        assert orders[leg].order_id is None
    assert listed(trading).keys() == {"gb-1-entry"}


def test_an_order_that_the_system_cancels_later_tells_why(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("order_refused_later", ORDERS, text="The exchange said no.")
    place(trading, limit(last(trading) - 3))
    gateway.control.advance(2)
    order = listed(trading)["gb-1-entry"]
    assert (order.status, order.reason) == (OrderStatus.CANCELLED, "The exchange said no.")


def test_an_order_is_changed_in_place(trading: ClientPortalBroker) -> None:
    price = last(trading)
    (taken,) = place(trading, limit(price - 3)).orders
    assert taken.order_id is not None
    changed = limit(price - 4, quantity=Decimal(7))
    answer = yes_to_all(trading, trading.modify(ACCOUNT, taken.order_id, changed))
    assert isinstance(answer, Taken)
    order = listed(trading)["gb-1-entry"]
    assert (order.order_id, order.limit_price) == (taken.order_id, price - 4)
    assert order.quantity == 7


def test_changing_what_is_over_or_never_was_is_refused(trading: ClientPortalBroker) -> None:
    answer = trading.modify(ACCOUNT, "12345", limit(100))
    assert isinstance(answer, Refused)
    assert "12345" in answer.text


def test_a_cancel_is_heard_and_the_children_go_with_the_parent(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    place(trading, *bracket(last(trading) - 20))
    parent = listed(trading)["gb-1-entry"].order_id
    assert trading.cancel(ACCOUNT, parent) is None
    gateway.control.advance(5)
    assert {order.status for order in listed(trading).values()} == {OrderStatus.CANCELLED}
    why_not = trading.cancel(ACCOUNT, parent)
    assert why_not is not None
    assert "inactive" in why_not


def test_a_cancel_without_an_answer_may_be_repeated(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    place(trading, limit(last(trading) - 20))
    order_id = listed(trading)["gb-1-entry"].order_id
    gateway.control.add_fault("drop", f"iserver/account/{ACCOUNT}/order/*", times=1)
    with pytest.raises(TemporaryError):
        trading.cancel(ACCOUNT, order_id)
    assert trading.cancel(ACCOUNT, order_id) is None


def test_a_cold_list_is_never_taken_for_an_empty_one(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    place(trading, limit(last(trading) - 3))
    for event in ("session_id", "nightly_reset"):
        gateway.control.happen(event)
        assert "gb-1-entry" in listed(trading)
        assert "gb-1-entry" in {
            order.client_order_id for order in trading.account_snapshot(ACCOUNT).working_orders
        }


def test_orders_are_read_without_a_filter(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    listed(trading)
    assert not gateway.world.account.are_orders_muted


def test_fills_of_a_cold_session_are_asked_for_twice(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    place(trading, ticket())
    gateway.control.advance(5)
    gateway.control.happen("session_id")
    assert trading.fills(ACCOUNT)


def test_a_commission_comes_after_its_fill(
    trading: ClientPortalBroker, gateway: RunningGateway
) -> None:
    gateway.control.add_fault("late_commission", ORDERS, seconds=60)
    place(trading, ticket())
    gateway.control.advance(3)
    early = {fill.id: fill for fill in trading.fills(ACCOUNT)}
    assert {fill.commission for fill in early.values()} == {None}
    gateway.control.advance(90)
    late = trading.fills(ACCOUNT)
    assert {fill.id for fill in late} == early.keys()
    assert all(fill.commission is not None and fill.commission > 0 for fill in late)


def test_a_preview_tells_cost_margin_and_warnings_and_places_nothing(
    broker: ClientPortalBroker, gateway: RunningGateway
) -> None:
    broker.ensure_session()
    preview = broker.preview(ACCOUNT, bracket(last(broker)))
    assert preview.amount is not None
    assert abs(preview.amount / 10 - last(broker)) < 2
    assert preview.commission == Decimal(1)
    assert preview.position_after == 10
    assert preview.equity_after is not None
    assert preview.initial_margin is not None
    assert preview.initial_margin > 0
    assert preview.refusal is None
    assert placed_at(gateway) == []


def test_what_a_preview_warns_of_is_plain_text(broker: ClientPortalBroker) -> None:
    preview = broker.preview(ACCOUNT, [ticket(order_type="MKT", limit_price=None)])
    assert preview.warning is not None
    assert preview.warning.startswith("Market Order Confirmation A Market Order is")


def test_a_preview_of_the_impossible_says_why(broker: ClientPortalBroker) -> None:
    preview = broker.preview(ACCOUNT, [ticket(quantity=Decimal(10_000_000))])
    assert preview.refusal
    assert preview.amount is not None
    with pytest.raises(OutsideError):
        broker.preview(ACCOUNT, [ticket(conid=1)])
