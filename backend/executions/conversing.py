"""What was asked of an analyst and what it answered, read from the artifacts, and paired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from backend.core.errors import AppError
from backend.executions.models import LineageRecord
from backend.storage.base import Storage


@dataclass(frozen=True, kw_only=True)
class Talk:
    """One question and its answer; `lost` says why the texts cannot be shown."""

    title: str
    analyst: str
    model: str
    prompt: str
    """Name and version."""
    request_hash: str
    cost_usd: Decimal
    is_recorded: bool
    """Nothing was asked: the answer stood on the record of the execution that was replayed."""
    system_text: str = ""
    prompt_text: str = ""
    answer_text: str = ""
    lost: str = ""


@dataclass(frozen=True, kw_only=True)
class TalkPair:
    title: str
    first: Talk | None
    second: Talk | None

    @property
    def is_same(self) -> bool:
        return self.first is not None and self.second is not None and not self.differing

    @property
    def differing(self) -> list[tuple[str, str, str]]:
        """(What, first text, second text) of the texts that differ; of all where one is alone."""
        texts = [
            (what, getattr(self.first, name, ""), getattr(self.second, name, ""))
            for what, name in _TEXTS.items()
        ]
        return [each for each in texts if each[1] != each[2]]


_TEXTS = {"system prompt": "system_text", "prompt": "prompt_text", "answer": "answer_text"}


def pairs(first: Sequence[Talk], second: Sequence[Talk]) -> list[TalkPair]:
    """The talks of a step, by what they are about."""
    one = {talk.title: talk for talk in first}
    other = {talk.title: talk for talk in second}
    return [
        TalkPair(title=title, first=one.get(title), second=other.get(title))
        for title in dict.fromkeys([*one, *other])
    ]


def read(storage: Storage, record: LineageRecord) -> list[Talk]:
    """The talks of one step's record."""
    output = record.output or {}
    asked = [*(output.get("conversations") or []), output.get("view_conversation")]
    is_taken_over = any("taken_over_from" in line for line in record.notes)
    recorded = {line.get("answered_from") for line in record.notes}
    return [
        _talk(storage, summary, is_taken_over or summary["request_hash"] in recorded)
        for summary in asked
        if summary
    ]


def _talk(storage: Storage, summary: Mapping[str, Any], is_recorded: bool) -> Talk:
    told = {
        "title": summary["timeframe"] or "One view",
        "analyst": summary["analyst"],
        "model": summary["model"],
        "prompt": f"{summary['prompt_name']} version {summary['prompt_version']}",
        "request_hash": summary["request_hash"],
        "cost_usd": Decimal(summary["cost_usd"]),
        "is_recorded": is_recorded,
    }
    try:
        document = orjson.loads(storage.get(summary["text"]["sha256"]))
    except AppError as error:
        return Talk(**told, lost=error.message)
    return Talk(
        **told,
        system_text=document["system"],
        prompt_text=document["prompt"],
        answer_text=_answer(document["answer"]),
    )


def _answer(answer: Mapping[str, Any]) -> str:
    """The opinion as lines that can be compared, or why there is none."""
    if answer["opinion"] is None:
        return f"No opinion: {answer['refusal'] or answer['reason_code']}"
    return orjson.dumps(answer["opinion"], option=orjson.OPT_INDENT_2).decode()
