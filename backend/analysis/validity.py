"""Whether a model's text is an opinion at all, and one that can be acted on."""

import re

from pydantic import ValidationError

from backend.analysis.base import Direction, Opinion

_FENCE = re.compile(r"\A\s*```[a-z]*\s*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_MOST_PROBLEMS = 8


def read_opinion(text: str) -> tuple[Opinion | None, list[str]]:
    """The opinion, or what is wrong with the text, in sentences that the model can mend by."""
    fenced = _FENCE.match(text)
    try:
        # Local models like to wrap JSON in a code fence, whatever the schema says.
        opinion = Opinion.model_validate_json(fenced.group(1) if fenced else text)
    except ValidationError as error:
        return None, _problems(error)
    problems = impossible(opinion)
    return (None, problems) if problems else (opinion, [])


def impossible(opinion: Opinion) -> list[str]:
    """Numbers that no market can have, whatever the chart shows; empty when all are possible."""
    problems = [
        f"{name} is {price}; a price is above zero."
        for name, price in _prices(opinion)
        if price <= 0
    ]
    return (problems or _wrong_sides(opinion))[:_MOST_PROBLEMS]


def _prices(opinion: Opinion) -> list[tuple[str, float]]:
    single = [("entry", opinion.entry), ("stop", opinion.stop)]
    prices = [(name, price) for name, price in single if price is not None]
    for name in ("support", "resistance", "targets"):
        prices += [(name, price) for price in getattr(opinion, name)]
    return prices


def _wrong_sides(opinion: Opinion) -> list[str]:
    if opinion.direction is Direction.NEUTRAL:
        return []
    if opinion.entry is None or opinion.stop is None:
        return [f"direction is {opinion.direction}, so entry and stop must be prices, not null."]
    side, stop_is, target_is = _sides(opinion.direction)
    problems = []
    if (opinion.entry - opinion.stop) * side <= 0:
        problems.append(
            f"stop is {opinion.stop} and entry is {opinion.entry}; with direction"
            f" {opinion.direction} the stop must be {stop_is} the entry."
        )
    problems += [
        f"targets has {target} and entry is {opinion.entry}; with direction {opinion.direction}"
        f" every target must be {target_is} the entry."
        for target in opinion.targets
        if (target - opinion.entry) * side <= 0
    ]
    return problems


def _sides(direction: Direction) -> tuple[int, str, str]:
    return (1, "below", "above") if direction is Direction.LONG else (-1, "above", "below")


def _problems(error: ValidationError) -> list[str]:
    problems = []
    for item in error.errors(include_url=False, include_context=False)[:_MOST_PROBLEMS]:
        place = ".".join(str(part) for part in item["loc"])
        problems.append(f"{place}: {item['msg']}." if place else f"{item['msg']}.")
    return problems
