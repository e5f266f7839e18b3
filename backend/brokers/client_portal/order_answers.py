"""
What the gateway's answer to an order means: a question, what it took, or a refusal.

Source: Client Portal API field notes, "Orders". All of them come with status 200; a bracket may be
taken in part, and what the rows then say of the legs that live cannot be trusted.
"""

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from backend.brokers.client_portal import order_rows
from backend.brokers.client_portal.answers import Answer, Outcome
from backend.brokers.orders import (
    OrderAnswer,
    OrderStatus,
    OutcomeUnknown,
    Question,
    Refused,
    Taken,
    TakenOrder,
)

_TAG = re.compile(r"<[^>]*>")
# A client order id that is known already: the order of an earlier request lives, or did.
_REGISTERED = "is already registered"
_LOST_QUESTION = "reply id not found"
_ALL_PASSED_ON = frozenset({Outcome.OK, Outcome.REJECTED, Outcome.INVALID})


def read(answer: Answer, label: str, client_order_ids: Sequence[str]) -> OrderAnswer:
    """
    `client_order_ids` are those of the tickets that were sent.

    Raises `OutcomeUnknown` where an order may live of which the answer does not tell.
    """
    if answer.outcome not in _ALL_PASSED_ON:
        raise unknown(label, answer.detail)
    if answer.outcome is not Outcome.OK:
        return _refused(answer.detail, label)
    found = _read(answer.body, client_order_ids)
    if found is None:
        raise unknown(label, f"an answer that cannot be read: {str(answer.body)[:100]}")
    if isinstance(found, Question):
        return replace(found, client_order_ids=tuple(client_order_ids))
    return _refused(found.text, label) if isinstance(found, Refused) else found


def unknown(label: str, detail: str, *, code: str = "outcome_unknown") -> OutcomeUnknown:
    return OutcomeUnknown(
        f"It is not known what became of the order ({label}: {detail}); it may live at the broker.",
        code=code,
    )


def _refused(text: str, label: str) -> Refused:
    lowered = text.lower()
    if _REGISTERED in lowered:
        raise unknown(label, text, code="already_registered")
    if _LOST_QUESTION in lowered:
        raise unknown(label, text, code="question_lost")
    return Refused(text=text)


def _read(body: Any, client_order_ids: Sequence[str]) -> OrderAnswer | None:
    if isinstance(body, Mapping):
        if "reqId" in body:
            return _prompt(body)
        body = [body]
    if not isinstance(body, list) or not body:
        return None
    if not all(isinstance(row, Mapping) for row in body):
        return None
    first = body[0]
    if "message" in first and first.get("id"):
        return _question(first)
    if all(row.get("error") for row in body):
        return Refused(text=plain([row["error"] for row in body]))
    return _taken(body, client_order_ids) if all("order_id" in row for row in body) else None


def _question(row: Mapping[str, Any]) -> Question:
    return Question(
        reply_id=str(row["id"]),
        message_ids=_texts(row.get("messageIds")),
        text=plain(row["message"]),
        options=_texts(row.get("messageOptions")),
    )


def _prompt(body: Mapping[str, Any]) -> Question:
    """Both of its numbers are needed for the answer."""
    return Question(
        reply_id=f"{body.get('orderId')}/{body['reqId']}",
        message_ids=_texts([body["messageId"]] if body.get("messageId") else None),
        text=plain(body.get("text")),
        is_prompt=True,
        options=_texts(body.get("options")),
    )


def _taken(rows: Sequence[Mapping[str, Any]], client_order_ids: Sequence[str]) -> OrderAnswer:
    failed = [row for row in rows if _has_failed(row)]
    if len(failed) == len(rows):
        return Refused(text=_reasons(failed))
    taken = [row for row in rows if not _has_failed(row)]
    names = _names(taken, failed, client_order_ids)
    orders = [
        TakenOrder(
            client_order_id=name,
            order_id=str(row["order_id"]),
            status=None if failed else _trusted(row.get("order_status")),
        )
        for row, name in zip(taken, names, strict=False)
    ]
    refused = [
        TakenOrder(client_order_id=name, order_id=None, status=None, refusal=_reasons(failed))
        for name in names[len(taken) :]
    ]
    return Taken(orders=(*orders, *refused))


def _names(
    taken: Sequence[Mapping[str, Any]],
    failed: Sequence[Mapping[str, Any]],
    client_order_ids: Sequence[str],
) -> list[str | None]:
    """
    The client order ids of the rows taken, then of those that failed.

    IBKR need not tell the ids of children, and never those of orders that it refused: they are
    given where only one way is left to give them.
    """
    told = [_client_order_id(row) for row in taken]
    nameless = told.count(None)
    missing = [name for name in client_order_ids if name not in told]
    is_clear = nameless == 0 or (nameless == 1 and not failed)
    if not is_clear or len(missing) != nameless + len(failed):
        return [*told, *[None] * len(failed)]
    if nameless:
        return [name or missing[0] for name in told]
    return [*told, *missing]


def _client_order_id(row: Mapping[str, Any]) -> str | None:
    name = row.get("local_order_id") or row.get("order_ref")
    return str(name) if name else None


def _has_failed(row: Mapping[str, Any]) -> bool:
    return str(row["order_id"]) == "-1" or row.get("order_status") == "Failed"


def _trusted(word: object) -> OrderStatus | None:
    """Orders that wait for another are called inactive, too: that word alone ends none."""
    found = order_rows.status(word)
    return None if found is OrderStatus.INACTIVE else found


def _reasons(rows: Sequence[Mapping[str, Any]]) -> str:
    texts = (plain(row.get("text") or row.get("warning_message")) for row in rows)
    return "; ".join(dict.fromkeys(text for text in texts if text)) or "Refused without a reason."


def plain(message: Any) -> str:
    """One line without markup: some questions come as HTML, most with line breaks inside."""
    text = " ".join(map(str, message)) if isinstance(message, list) else str(message or "")
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _texts(written: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in written) if isinstance(written, list) else ()
