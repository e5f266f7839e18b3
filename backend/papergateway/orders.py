"""Orders: placing, questions and replies, changing, cancelling, preview, suppression."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from backend.papergateway import (
    notifications,
    numbers,
    order_rows,
    preview,
    twisting,
)
from backend.papergateway.account import ACCOUNT
from backend.papergateway.accounts import not_primed
from backend.papergateway.answers import (
    bad_request,
    error,
    failed,
    is_true,
    json_body,
    ok,
    world_of,
)
from backend.papergateway.trading import conversations, funds, placing, questions, tickets
from backend.papergateway.trading.orders import Order
from backend.papergateway.trading.placing import Failure
from backend.papergateway.trading.questions import Question
from backend.papergateway.trading.tickets import Invalid, Malformed, Refused, Ticket
from backend.papergateway.world import USER, World

MOST_SUPPRESSED = 51
ALL = "-1"
Endpoint = Callable[[Request], Awaitable[Response]]


def _primed(answer: Endpoint) -> Endpoint:
    """Only after iserver/accounts; and every way in which an order can fail to be one."""

    async def checked(request: Request) -> Response:
        if refusal := not_primed(world_of(request)):
            return refusal
        try:
            return await answer(request)
        except Malformed as why:
            return bad_request(str(why))
        except Invalid as why:
            return error(500, str(why))
        except Refused as why:
            return error(200, str(why))

    return checked


async def place(request: Request) -> Response:
    world, read = world_of(request), await _tickets(request)

    def take() -> list[dict[str, Any]]:
        twist = twisting.of_placing(world)
        return _placed(placing.place(world.desk, read, twist, USER))

    def submit() -> object:
        text = twisting.prompt(world)
        return notifications.hold_back(world, text, take) if text else take()

    return _answered(world.conversations.begin(_questions(world, read), submit))


async def _tickets(request: Request) -> list[Ticket]:
    """The tickets of a body. Raises `Malformed`, `Invalid` or `Refused`."""
    bodies = (await json_body(request)).get("orders")
    if not isinstance(bodies, list) or not bodies:
        raise Malformed("orders is required")
    return [_ticket(request, body) for body in bodies]


def _ticket(request: Request, body: object) -> Ticket:
    if not isinstance(body, Mapping):
        raise Malformed("an order has to be an object")
    ticket = tickets.read(body)
    if not {request.path_params["account"], ticket.account or ACCOUNT} <= {ACCOUNT}:
        raise Refused("Invalid account ID")
    if ticket.cash is not None:
        price = funds.expected_price(world_of(request).desk, ticket.terms)
        ticket.terms.quantity = int(ticket.cash / price) if price else 0
        if not ticket.terms.quantity:
            raise Refused("The cash quantity does not buy a single share.")
    return ticket


def _questions(
    world: World, read: list[Ticket], instead_of: Order | None = None
) -> Iterator[Question]:
    yield from twisting.questions(world)
    for ticket in read:
        has_data = bool(world.streams.fields(ticket.terms.conid))
        yield from questions.asked(world.desk, ticket, has_data=has_data, instead_of=instead_of)


def _placed(found: list[Order | Failure]) -> list[dict[str, Any]]:
    """Children first, as IBKR may; where one of them failed, the parent is said to be inactive."""
    is_whole = all(isinstance(each, Order) for each in found)
    status = None if is_whole else "Inactive"
    return [
        order_rows.placed(each, status=status)
        if isinstance(each, Order)
        else {
            "order_id": "-1",
            "order_status": "Failed",
            "text": each.text,
            "warning_message": each.text,
        }
        for each in reversed(found)
    ]


def _answered(result: object) -> Response:
    if not isinstance(result, conversations.Asked):
        return ok(result)
    question = result.question
    return ok(
        [
            {
                "id": result.id,
                "message": [question.text],
                "isSuppressed": False,
                "messageIds": [question.id],
                "messageOptions": list(conversations.OPTIONS),
            }
        ]
    )


async def reply(request: Request) -> Response:
    world, identity = world_of(request), request.path_params["identity"]
    confirmed = is_true(str((await json_body(request)).get("confirmed")))
    try:
        twisting.lose_reply(world, identity)
        return _answered(world.conversations.reply(identity, is_confirmed=confirmed))
    except conversations.Unknown:
        return error(400, f"reply id not found: '{identity}'")
    except conversations.Declined:
        return error(200, "Order not confirmed ")
    except conversations.Stale:
        return failed(503, "Service Unavailable")


async def preview_order(request: Request) -> Response:
    """orders/whatif: of a bracket the parent counts. It needs a snapshot of the contract first."""
    world, read = world_of(request), await _tickets(request)
    ticket = read[0]
    if ticket.terms.conid not in world.market.instruments:
        return bad_request("conid is not valid")
    if not world.streams.fields(ticket.terms.conid):
        return bad_request("no market data: query /iserver/marketdata/snapshot first")
    suppressed = world.conversations.suppressed
    warnings = [each for each in _questions(world, read) if each.id not in suppressed]
    warning = f"21/{warnings[0].text}" if warnings else None
    why_not = funds.refusal(world.desk, ticket.terms)
    return ok(preview.document(world.desk, ticket, warning=warning, why_not=why_not))


async def modify(request: Request) -> Response:
    """The body is the whole ticket, not wrapped."""
    world, order = world_of(request), _order(request)
    if order is None:
        return error(200, _does_not_exist(request))
    ticket = _ticket(request, await json_body(request))

    def submit() -> list[dict[str, Any]]:
        placing.modify(world.desk, order, ticket)
        return [order_rows.placed(order)]

    return _answered(world.conversations.begin(_questions(world, [ticket], order), submit))


def _order(request: Request) -> Order | None:
    number = numbers.whole(request.path_params["order"])
    return world_of(request).desk.state.orders.get(number or 0)


def _does_not_exist(request: Request) -> str:
    return f"OrderID {request.path_params['order']} doesn't exist"


async def cancel(request: Request) -> Response:
    """The answer only says that the wish was heard; the order may still fill."""
    world, done = world_of(request), {"msg": "Request was submitted"}
    if request.path_params["account"] != ACCOUNT:
        return error(400, "Invalid account ID")
    if request.path_params["order"] == ALL:
        for each in list(world.desk.working.values()):
            world.desk.request_cancel(each)
        return ok({**done, "order_id": int(ALL), "conid": -1, "account": None})
    order = _order(request)
    if order is None:
        return error(400, _does_not_exist(request))
    if not order.is_working:
        return error(400, "Order is inactive")
    world.desk.request_cancel(order)
    return ok({**done, "order_id": order.id, "conid": order.conid, "account": ACCOUNT})


async def suppress(request: Request) -> Response:
    """For this session; ids that do not exist are taken, too."""
    ids = (await json_body(request)).get("messageIds")
    if not isinstance(ids, list) or not 1 <= len(ids) <= MOST_SUPPRESSED:
        return error(500, f"messageIds: between 1 and {MOST_SUPPRESSED} ids")
    world_of(request).conversations.suppressed.update(str(each) for each in ids)
    return ok({"status": "submitted"})


async def reset_suppressed(request: Request) -> Response:
    world_of(request).conversations.suppressed.clear()
    return ok({"status": "submitted"})


_ORDER = "/iserver/account/{account}/order/{order}"

routes = [
    Route("/iserver/account/{account}/orders", _primed(place), methods=["POST"]),
    Route("/iserver/account/{account}/orders/whatif", _primed(preview_order), methods=["POST"]),
    Route(_ORDER, _primed(modify), methods=["POST"]),
    Route(_ORDER, _primed(cancel), methods=["DELETE"]),
    Route("/iserver/reply/{identity}", _primed(reply), methods=["POST"]),
    Route("/iserver/notification", _primed(notifications.answer), methods=["POST"]),
    Route("/iserver/questions/suppress", suppress, methods=["POST"]),
    Route("/iserver/questions/suppress/reset", reset_suppressed, methods=["POST"]),
]
