"""One view out of several opinions: weighted by timeframe, with the dissent named."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from backend.analysis.base import Direction, Opinion
from backend.analysis.facts import ChartOpinion
from backend.core.values import Timeframe

DECISIVE = 0.15
"""Below this weighted score, as a fraction, the opinions cancel out and the view is neutral."""
_SIGN = {Direction.LONG: 1, Direction.SHORT: -1, Direction.NEUTRAL: 0}


class View(BaseModel):
    """What all opinions come to. `score` runs from -1, all short, to 1, all long."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    opinion: Opinion
    score: float = Field(description="Sum of weight, direction and confidence, over the weights.")
    agreement: float = Field(description="Fraction of the weight that shares the view's direction.")
    dissent: list[str] = Field(description="Who sees it otherwise, in sentences.")
    rationale: str

    @property
    def direction(self) -> Direction:
        return self.opinion.direction

    @property
    def confidence(self) -> float:
        return self.opinion.confidence


def form(opinions: Sequence[ChartOpinion]) -> View | None:
    """
    The opinions' own consensus, without asking anybody; None when there is no opinion at all.

    Give them in the strategy's order of timeframes. The first timeframe weighs 1, the second 1/2,
    the third 1/3; analysts of one timeframe weigh the same. Prices are those of the weightiest
    opinion that shares the direction, so that entry, stop and targets belong together.
    """
    weighed = _weighed(opinions)
    if not weighed:
        return None
    score = _score(weighed)
    direction = _direction(score)
    leader = _leader(weighed, direction)
    opinion = leader.model_copy(
        update={
            "direction": direction,
            "confidence": round(abs(score), 4),
            "reasons": _merged(weighed, direction, "reasons"),
            "risks": _merged(weighed, direction, "risks"),
            **({} if direction is not Direction.NEUTRAL else _NO_TRADE),
        }
    )
    return _view(opinion, weighed, score, f"The opinions come to {direction} ({score:+.2f}).")


def around(opinion: Opinion, opinions: Sequence[ChartOpinion]) -> View:
    """The view of an analyst that was asked to weigh the opinions itself, with their dissent."""
    weighed = _weighed(opinions)
    score = _score(weighed) if weighed else 0.0
    return _view(
        opinion,
        weighed,
        score,
        f"The analyst weighs the opinions as {opinion.direction};"
        f" by timeframe alone they come to {_direction(score)} ({score:+.2f}).",
    )


_NO_TRADE: dict[str, Any] = {
    "entry": None,
    "stop": None,
    "targets": [],
    "invalidation": "No trade is proposed, so nothing can prove it wrong.",
}
_Weighed = list[tuple[float, ChartOpinion, Opinion]]


def _weighed(opinions: Sequence[ChartOpinion]) -> _Weighed:
    ranks: dict[Timeframe, int] = {}
    for item in opinions:
        ranks.setdefault(item.timeframe, len(ranks) + 1)
    return [
        (1 / ranks[item.timeframe], item, item.opinion)
        for item in opinions
        if item.opinion is not None
    ]


def _score(weighed: _Weighed) -> float:
    total = sum(weight for weight, _, _ in weighed)
    votes = (weight * _SIGN[one.direction] * one.confidence for weight, _, one in weighed)
    return sum(votes) / total


def _direction(score: float) -> Direction:
    if abs(score) < DECISIVE:
        return Direction.NEUTRAL
    return Direction.LONG if score > 0 else Direction.SHORT


def _leader(weighed: _Weighed, direction: Direction) -> Opinion:
    """Ties go to the one that came first."""
    agreeing = [entry for entry in weighed if entry[2].direction is direction]
    return max(agreeing or weighed, key=lambda entry: entry[0] * entry[2].confidence)[2]


def _merged(weighed: _Weighed, direction: Direction, name: str) -> list[str]:
    return [
        f"{item.timeframe}: {sentence}"
        for _, item, one in weighed
        if one.direction is direction
        for sentence in getattr(one, name)[:3]
    ]


def _view(opinion: Opinion, weighed: _Weighed, score: float, sentence: str) -> View:
    total = sum(weight for weight, _, _ in weighed)
    agreeing = sum(weight for weight, _, one in weighed if one.direction is opinion.direction)
    said = ", ".join(
        f"{item.timeframe} by {item.analyst} {one.direction} at {one.confidence:.0%}"
        for _, item, one in weighed
    )
    return View(
        opinion=opinion,
        score=round(score, 4),
        agreement=round(agreeing / total, 4) if total else 0.0,
        dissent=[
            f"{item.analyst} reads {item.timeframe} as {one.direction} at {one.confidence:.0%}"
            f" confidence, against {opinion.direction}."
            for _, item, one in weighed
            if one.direction is not opinion.direction
        ],
        rationale=f"{sentence} Weighed: {said or 'no opinion'}.",
    )
