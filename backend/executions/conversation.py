"""One question to the analyst and what came back, for a person to read beside the data."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from pydantic import ValidationError

from backend.analysis import claims
from backend.analysis.base import Opinion
from backend.analysis.claims import CheckedClaim, ClaimCheck
from backend.analysis.facts import ChartFacts
from backend.core.errors import AppError, NotFound
from backend.storage.base import Storage

Facts = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of a text; `claim` is the checked number that it is, if it is one."""

    text: str
    claim: CheckedClaim | None = None


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One answer as it came, or why none came. `problem` says what was asked for again."""

    text: str | None
    problem: str
    seconds: float | None = None
    tokens: int | None = None


@dataclass(frozen=True, kw_only=True)
class Talk:
    """`lost` says why the texts cannot be shown; the summary stands in the record."""

    summary: dict[str, Any]
    lost: str = ""
    system: str = ""
    prompt: str = ""
    images: list[str] = field(default_factory=list)
    turns: list[Turn] = field(default_factory=list)
    opinion: dict[str, Any] | None = None
    refusal: str = ""
    check: ClaimCheck | None = None
    raw: dict[str, Any] = field(default_factory=dict)
    """The whole document as it is stored."""

    def marked(self, text: str) -> list[Piece]:
        """The text with each number that was held against the data."""
        checked = [] if self.check is None else [*self.check.claims, *self.check.levels]
        return list(_pieces(text, checked))


def find(facts: Facts, sha256: str) -> dict[str, Any]:
    """The summary of this conversation of the execution. Raises `NotFound`."""
    for summary in summaries(facts):
        if summary["text"]["sha256"] == sha256:
            return summary
    raise NotFound("This execution had no such conversation.")


def summaries(facts: Facts) -> list[dict[str, Any]]:
    """All conversations of an execution, the one about the whole view last."""
    listed = list(facts.get("conversations") or [])
    view = facts.get("view_conversation")
    return [*listed, view] if view else listed


def read(storage: Storage, facts: Facts, summary: dict[str, Any]) -> Talk:
    """The texts, or why they cannot be shown: lost, or not the bytes that were written."""
    try:
        document = orjson.loads(storage.get(summary["text"]["sha256"]))
    except AppError as error:
        return Talk(summary=summary, lost=error.message)
    except orjson.JSONDecodeError:
        return Talk(summary=summary, lost="Its stored text cannot be read.")
    answer = document["answer"]
    return Talk(
        summary=summary,
        system=document["system"],
        prompt=document["prompt"],
        images=document["images"],
        turns=_turns(answer),
        opinion=answer["opinion"],
        refusal=answer["refusal"] or "",
        check=_check(storage, facts, summary, answer["opinion"]),
        raw=document,
    )


def _turns(answer: dict[str, Any]) -> list[Turn]:
    """Every call with what it brought; an answer of fixed rules or a cache has none."""
    attempts = answer["attempts"]
    if not attempts:
        return [Turn(text=text, problem="") for text in answer["raw"]]
    return [
        Turn(
            text=attempt["raw"],
            problem="" if attempt["outcome"] == "answered" else _problem(attempt),
            seconds=attempt["seconds"],
            tokens=attempt["usage"]["input_tokens"] + attempt["usage"]["output_tokens"],
        )
        for attempt in attempts
    ]


def _problem(attempt: dict[str, Any]) -> str:
    return attempt["detail"] or str(attempt["outcome"]).replace("_", " ")


def _check(
    storage: Storage, facts: Facts, summary: dict[str, Any], opinion: dict[str, Any] | None
) -> ClaimCheck | None:
    """The opinion's numbers against those it was given: of its own chart, or of all for a view."""
    kept = facts.get("chart_facts") or {}
    wanted = [summary["timeframe"]] if summary.get("timeframe") else list(kept)
    if opinion is None or not wanted:
        return None
    try:
        charts = [
            ChartFacts.model_validate(orjson.loads(storage.get(kept[each]["sha256"])))
            for each in wanted
        ]
        return claims.check(Opinion.model_validate(opinion), charts)
    except (AppError, KeyError, ValidationError, orjson.JSONDecodeError):
        # Numbers that are gone cannot be checked; the texts can still be read.
        return None


_NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![\w%])")


def _pieces(text: str, checked: Sequence[CheckedClaim]) -> Iterator[Piece]:
    place = 0
    for found in _NUMBER.finditer(text):
        claim = _claim_of(found[0], checked)
        if claim is None:
            continue
        yield Piece(text=text[place : found.start()])
        yield Piece(text=found[0], claim=claim)
        place = found.end()
    yield Piece(text=text[place:])


def _claim_of(written: str, checked: Sequence[CheckedClaim]) -> CheckedClaim | None:
    """The claim whose number this is, as it may be rounded in a sentence; the worst of several."""
    plain = written.replace(",", "")
    decimals = len(plain.partition(".")[2])
    # Small whole numbers count things; they are the period of an indicator more often than not.
    if decimals == 0 and abs(float(plain)) < 100:
        return None
    same = [claim for claim in checked if round(claim.quoted, decimals) == float(plain)]
    order = ("wrong", "slip", "unknown", "right")
    return min(same, key=lambda claim: order.index(claim.verdict), default=None)
