"""Answers to orders as IBKR was seen to give them, and what they mean."""

from typing import Any

import pytest

from backend.brokers.client_portal import order_answers
from backend.brokers.client_portal.answers import Answer, Outcome, classify
from backend.brokers.orders import OrderStatus, OutcomeUnknown, Question, Refused, Taken

BRACKET = ("entry", "stop", "t1")


def read(body: Any, names: tuple[str, ...] = BRACKET) -> Any:
    return order_answers.read(Answer(outcome=Outcome.OK, body=body), "POST orders", names)


def row(order_id: str, name: str | None = None, status: str = "PreSubmitted") -> dict[str, Any]:
    told = {"order_id": order_id, "order_status": status, "encrypt_message": "1"}
    return {**told, "local_order_id": name} if name else told


FAILED = {"order_id": "-1", "order_status": "Failed", "text": "No.", "warning_message": "No."}


def test_one_order_that_is_not_named_is_the_one_that_was_sent() -> None:
    answer = read([row("7", status="Submitted")], ("entry",))
    assert isinstance(answer, Taken)
    (order,) = answer.orders
    assert (order.client_order_id, order.order_id) == ("entry", "7")
    assert order.status is OrderStatus.WORKING


def test_children_whose_names_are_not_told_stay_nameless() -> None:
    answer = read([row("8"), row("9"), row("7", "entry")])
    assert [order.client_order_id for order in answer.orders] == [None, None, "entry"]


def test_the_only_nameless_child_has_the_name_that_is_left() -> None:
    answer = read([row("8"), row("7", "entry")], ("entry", "stop"))
    assert [order.client_order_id for order in answer.orders] == ["stop", "entry"]


def test_of_a_bracket_that_failed_in_part_no_state_is_believed() -> None:
    answer = read([FAILED, row("8", "t1"), row("7", "entry", "Inactive")])
    assert [(order.client_order_id, order.status, order.refusal) for order in answer.orders] == [
        ("t1", None, None),
        ("entry", None, None),
        ("stop", None, "No."),
    ]


def test_a_failed_leg_is_not_named_where_two_could_be_meant() -> None:
    answer = read([FAILED, row("8"), row("7", "entry")])
    assert [order.client_order_id for order in answer.orders] == [None, "entry", None]


def test_inactive_alone_ends_no_order() -> None:
    (order,) = read([row("7", "entry", "Inactive")], ("entry",)).orders
    assert order.status is None


def test_rows_that_failed_all_are_a_refusal() -> None:
    answer = read([FAILED, {**FAILED, "text": "Neither."}])
    assert answer == Refused(text="No.; Neither.")


@pytest.mark.parametrize("body", [{"error": "No funds."}, [{"error": "No funds."}]])
def test_an_error_in_a_list_is_the_same_as_one_alone(body: Any) -> None:
    assert read(body) == Refused(text="No funds.")


def test_a_question_may_come_as_html_in_several_parts() -> None:
    message = ["<h4>Confirm</h4>price exceeds \nthe Percentage constraint", "of 3&#37;"]
    answer = read([{"id": "ab-1", "message": message, "isSuppressed": False}])
    assert answer == Question(
        reply_id="ab-1",
        message_ids=(),
        text="Confirm price exceeds the Percentage constraint of 3%",
        client_order_ids=BRACKET,
    )


def test_a_prompt_keeps_both_its_numbers() -> None:
    prompt = {"orderId": 12, "reqId": "22170", "text": "Go?", "options": ["Yes", "No"]}
    answer = read({**prompt, "type": "M", "messageId": "p12", "prompt": True})
    assert (answer.reply_id, answer.is_prompt, answer.message_ids) == ("12/22170", True, ("p12",))


@pytest.mark.parametrize("body", [[], {}, None, "Success", [1], [{"id": "x"}], [[]], {"a": 1}])
def test_an_answer_of_no_known_shape_leaves_it_open(body: Any) -> None:
    with pytest.raises(OutcomeUnknown):
        read(body)


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Order couldn't be submitted: Local order ID=x is already registered.", "already_regis"),
        ("reply id not found: 'ab-1'", "question_lost"),
    ],
)
def test_refusals_that_mean_an_earlier_request_are_none(status: int, text: str, code: str) -> None:
    answer = classify(status, f'{{"error": "{text}"}}')
    with pytest.raises(OutcomeUnknown) as caught:
        order_answers.read(answer, "POST orders", ("x",))
    assert caught.value.code.startswith(code)


def test_a_request_at_fault_is_a_refusal() -> None:
    answer = classify(400, '{"error": "Bad Request: tif is required", "statusCode": 400}')
    assert order_answers.read(answer, "POST orders", ("x",)) == Refused(
        text="Bad Request: tif is required"
    )


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_that_fails_may_have_taken_it(status: int) -> None:
    with pytest.raises(OutcomeUnknown):
        order_answers.read(classify(status, "oops"), "POST orders", ("x",))
