"""Two texts side by side: which lines differ, and which words inside of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from markupsafe import Markup, escape

CONTEXT = 3
"""Unchanged lines that are shown around a change."""
LONGEST_WORDS = 2_000
"""Words in a pair of lines beyond which only the lines are marked: comparing is quadratic."""
_WORDS = re.compile(r"\w+|\s+|[^\w\s]")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A pair of lines; `left` and `right` are safe HTML with <del> and <ins> around words."""

    kind: Literal["same", "add", "remove", "change", "skip"]
    left: Markup
    right: Markup
    left_number: int | None = None
    right_number: int | None = None


def compare_lines(left: str, right: str) -> list[Row]:
    """
    Every change with the lines around it; longer unchanged passages are one `skip` row.

    Empty when the texts are equal.
    """
    if left == right:
        return []
    before, after = left.splitlines(), right.splitlines()
    rows: list[Row] = []
    end = (0, 0)
    for group in SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(CONTEXT):
        rows += _skipped(group[0][1] - end[0])
        for change in group:
            rows += _rows(change, before, after)
        end = (group[-1][2], group[-1][4])
    return rows + _skipped(len(before) - end[0])


def _skipped(count: int) -> list[Row]:
    if count <= 0:
        return []
    lines = "line" if count == 1 else "lines"
    return [Row(kind="skip", left=Markup(f"{count} unchanged {lines}"), right=Markup())]


def _rows(
    change: tuple[str, int, int, int, int], before: list[str], after: list[str]
) -> Iterator[Row]:
    what, start, stop, other_start, other_stop = change
    for offset in range(max(stop - start, other_stop - other_start)):
        one, other = start + offset, other_start + offset
        has_left, has_right = one < stop, other < other_stop
        left, right = before[one] if has_left else "", after[other] if has_right else ""
        kind: Literal["same", "add", "remove", "change"]
        if what == "equal":
            kind, marked = "same", (escape(left), escape(right))
        elif has_left and has_right:
            kind, marked = "change", _words(left, right)
        else:
            kind, marked = "remove" if has_left else "add", (escape(left), escape(right))
        yield Row(
            kind=kind,
            left=marked[0],
            right=marked[1],
            left_number=one + 1 if has_left else None,
            right_number=other + 1 if has_right else None,
        )


def _words(left: str, right: str) -> tuple[Markup, Markup]:
    """Both lines with the words that only one of them has marked."""
    before, after = _WORDS.findall(left), _WORDS.findall(right)
    if len(before) + len(after) > LONGEST_WORDS:
        return escape(left), escape(right)
    marked: tuple[list[Markup], list[Markup]] = ([], [])
    for what, start, stop, other_start, other_stop in SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        pieces = "".join(before[start:stop]), "".join(after[other_start:other_stop])
        for side, piece, tag in zip(marked, pieces, ("del", "ins"), strict=True):
            if piece:
                text = escape(piece)
                side.append(text if what == "equal" else Markup(f"<{tag}>{text}</{tag}>"))
    return Markup("").join(marked[0]), Markup("").join(marked[1])
