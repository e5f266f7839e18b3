"""Placing, answering questions, changing and cancelling: each request goes out once."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from backend.brokers.client_portal import endpoints, order_answers
from backend.brokers.client_portal.answers import Outcome, to_error
from backend.brokers.client_portal.client import Call
from backend.brokers.client_portal.session import GatewaySession
from backend.brokers.orders import OrderAnswer, Question, Refused, Taken, Ticket
from backend.core.errors import InvalidInput

_YES, _NO = ("yes", "ok", "submit", "confirm", "continue"), ("no", "cancel", "dismiss")


def place(session: GatewaySession, account: str, tickets: Sequence[Ticket]) -> OrderAnswer:
    body = {"orders": [document(account, ticket) for ticket in tickets]}
    path = {"account": account}
    call = Call(endpoint=endpoints.PLACE, path=path, body=body, retries=0)
    answer = session.write(call)
    return order_answers.read(answer, _label(call), [each.client_order_id for each in tickets])


def modify(session: GatewaySession, account: str, order_id: str, ticket: Ticket) -> OrderAnswer:
    """The gateway wants the whole ticket, and unwrapped."""
    path = {"account": account, "order": order_id}
    body = document(account, ticket)
    call = Call(endpoint=endpoints.MODIFY, path=path, body=body, retries=0)
    return order_answers.read(session.write(call), _label(call), [ticket.client_order_id])


def reply(session: GatewaySession, question: Question, *, is_confirmed: bool) -> OrderAnswer:
    if question.is_prompt:
        return _answer_prompt(session, question, is_confirmed=is_confirmed)
    path, body = {"reply": question.reply_id}, {"confirmed": is_confirmed}
    call = Call(endpoint=endpoints.REPLY, path=path, body=body, retries=0)
    return order_answers.read(session.write(call), _label(call), question.client_order_ids)


def _answer_prompt(
    session: GatewaySession, question: Question, *, is_confirmed: bool
) -> OrderAnswer:
    """It is acknowledged in words that tell nothing of the order, which is to be looked up."""
    order_id, _, request_id = question.reply_id.partition("/")
    option = _option(question.options, is_confirmed=is_confirmed)
    body = {"orderId": int(order_id), "reqId": request_id, "text": option}
    call = Call(endpoint=endpoints.NOTIFICATION, body=body, retries=0)
    answer = session.write(call)
    if answer.outcome is not Outcome.OK:
        raise order_answers.unknown(_label(call), answer.detail, code="question_lost")
    return Taken(orders=()) if is_confirmed else Refused(text=f"Answered with {option!r}.")


def _option(options: Sequence[str], *, is_confirmed: bool) -> str:
    wanted = _YES if is_confirmed else _NO
    fitting = (option for option in options if option.strip().lower() in wanted)
    return next(fitting, wanted[0].capitalize())


def cancel(session: GatewaySession, account: str, order_id: str) -> str | None:
    """As `Broker.cancel`; a `TemporaryError` leaves open whether it was heard."""
    path = {"account": account, "order": order_id}
    call = Call(endpoint=endpoints.CANCEL, path=path, retries=0)
    answer = session.write(call)
    if answer.outcome in (Outcome.REJECTED, Outcome.INVALID):
        return answer.detail
    if answer.outcome is not Outcome.OK:
        raise to_error(answer, _label(call))
    return None


def document(account: str, ticket: Ticket) -> dict[str, Any]:
    """The ticket in IBKR's words. Raises `InvalidInput` when its type lacks a price."""
    written: dict[str, Any] = {
        "acctId": account,
        "conid": ticket.conid,
        "cOID": ticket.client_order_id,
        "orderType": ticket.order_type,
        "side": ticket.side,
        "tif": ticket.tif,
        "quantity": _number(ticket.quantity),
        "outsideRTH": ticket.outside_rth,
        **_prices(ticket),
    }
    return {**written, "parentId": ticket.parent} if ticket.parent else written


def _prices(ticket: Ticket) -> dict[str, Any]:
    """Which of IBKR's two fields holds the limit and which the trigger depends on the type."""
    match ticket.order_type:
        case "MKT":
            return {}
        case "LMT":
            return {"price": _required(ticket, "limit_price")}
        case "STP":
            return {"price": _required(ticket, "stop_price")}
        case "STOP_LIMIT":
            limit, stop = _required(ticket, "limit_price"), _required(ticket, "stop_price")
            return {"price": limit, "auxPrice": stop}
        case "TRAIL":
            start = {} if ticket.stop_price is None else {"price": _number(ticket.stop_price)}
            return {"trailingType": "amt", "trailingAmt": _required(ticket, "trail"), **start}


def _required(ticket: Ticket, name: str) -> int | float:
    value = getattr(ticket, name)
    if value is None:
        raise InvalidInput(f"A {ticket.order_type} order needs its {name}.", field=name)
    return _number(value)


def _number(value: Decimal) -> int | float:
    """Prices have far fewer digits than a float keeps, so that it is written as it was meant."""
    return int(value) if value == value.to_integral_value() else float(value)


def _label(call: Call) -> str:
    return call.endpoint.pace.label
