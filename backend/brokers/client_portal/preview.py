"""What an order would come to: texts for people, out of which numbers are read."""

import re
from decimal import Decimal
from typing import Any

from backend.brokers.client_portal import endpoints, quotes
from backend.brokers.client_portal.answers import Outcome, to_error
from backend.brokers.client_portal.client import Call
from backend.brokers.client_portal.order_answers import plain
from backend.brokers.client_portal.orders import document
from backend.brokers.client_portal.parsing import parse_number
from backend.brokers.client_portal.session import GatewaySession
from backend.brokers.orders import Preview, Ticket

_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")
_SIGNED = re.compile(r"[-+]?\s*\d[\d,]*(?:\.\d+)?")
_MARK = re.compile(r"^\d+/\s*")
"""Warnings begin with a number of their own: `21/You are trying to ...`."""


def read(session: GatewaySession, account: str, ticket: Ticket) -> Preview:
    """
    Of one order, alone and without its client order id, which counts once a day.

    The gateway previews only what it has a quote of.
    """
    quotes.read(session, ticket.conid)
    order = document(account, ticket)
    body = {"orders": [{name: value for name, value in order.items() if name not in _OWN}]}
    call = Call(endpoint=endpoints.PREVIEW, path={"account": account}, body=body, retries=0)
    answer = session.write(call)
    if answer.outcome not in (Outcome.OK, Outcome.REJECTED):
        raise to_error(answer, call.endpoint.pace.label)
    found = answer.body if isinstance(answer.body, dict) else {}
    return _preview(found, answer.detail or None)


_OWN = frozenset({"cOID", "parentId"})


def _preview(body: dict[str, Any], refusal: str | None) -> Preview:
    warning = body.get("warn")
    return Preview(
        amount=_first(_inside(body, "amount", "amount")),
        commission=_highest(_inside(body, "amount", "commission")),
        initial_margin=_first(_inside(body, "initial", "after")),
        maintenance_margin=_first(_inside(body, "maintenance", "after")),
        equity_after=_first(_inside(body, "equity", "after")),
        position_after=_first(_inside(body, "position", "after")),
        warning=_MARK.sub("", plain(warning)) if warning else None,
        refusal=refusal,
    )


def _inside(body: dict[str, Any], group: str, name: str) -> str:
    found = body.get(group)
    return str(found.get(name) or "") if isinstance(found, dict) else ""


def _first(text: str) -> Decimal | None:
    """`1,977.60 USD (10 Shares)` is an amount; `N/A` is none."""
    found = _SIGNED.search(text)
    return parse_number(found.group().replace(" ", "")) if found else None


def _highest(text: str) -> Decimal | None:
    """`0.35 ... 1.02 USD`: a commission that is not known yet is told as a range."""
    numbers = [parse_number(found) for found in _NUMBER.findall(text)]
    return max((number for number in numbers if number is not None), default=None)
