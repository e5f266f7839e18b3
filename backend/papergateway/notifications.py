"""Prompts in the middle of a submission, and their answers: iserver/notification."""

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from backend.papergateway import numbers
from backend.papergateway.answers import bad_request, json_body, text, world_of
from backend.papergateway.trading.conversations import OPTIONS, Prompt, Unknown
from backend.papergateway.world import World

MESSAGE_ID = "p12"


def hold_back(world: World, words: str, take: Callable[[], object]) -> dict[str, Any]:
    """The answer to a submission that has to wait; a bare object, unlike every other."""
    prompt = world.conversations.prompt(world.desk.state.next_order, words, take)
    return {
        "orderId": prompt.order_id,
        "reqId": prompt.request_id,
        "dismissable": [],
        "text": prompt.text,
        "options": list(OPTIONS),
        "type": "M",
        "messageId": MESSAGE_ID,
        "prompt": True,
    }


def pushed(prompt: Prompt) -> dict[str, Any]:
    """The same as the topic ntf tells it."""
    return {
        "id": prompt.request_id,
        "text": prompt.text,
        "title": "Order",
        "url": "",
        "orderId": prompt.order_id,
        "reqId": prompt.request_id,
        "options": list(OPTIONS),
    }


async def answer(request: Request) -> Response:
    """Plain text, where everything else is JSON."""
    body = await json_body(request)
    order_id = numbers.whole(body.get("orderId"))
    try:
        world_of(request).conversations.answer(
            order_id or 0, str(body.get("reqId")), str(body.get("text"))
        )
    except Unknown:
        return bad_request("there is no such prompt")
    return text(200, "Success")
