"""An analyst without a model: fixed rules over the numbers, open to inspection, free of charge."""

from collections.abc import Iterable
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Literal, Self

from pydantic import ValidationError

from backend.analysis import view
from backend.analysis.base import (
    Answer,
    AnswerCache,
    Budget,
    Claim,
    Direction,
    Opinion,
    Request,
    Usage,
    analysts,
    request_hash,
)
from backend.analysis.facts import ChartFacts, ViewFacts
from backend.analysis.schema import opinion_schema
from backend.analysis.scoring import Mark, marks, total
from backend.core.settings import Settings

MODEL = "rule-based"
DECISIVE = 0.3
_INTRO = "Rule-based analysis, no model was asked."
_STOP_RANGES = 2.0
_TARGETS = (1.5, 3.0)
"""Distance of the targets, in multiples of the risk between entry and stop."""


@analysts.register("rule_based")
class RuleBasedAnalyst:
    """
    Judges `Request.facts` (a `ChartFacts` or `ViewFacts` as JSON); prompt and images are not read.

    The same facts give the same opinion. It costs nothing, so it needs neither budget nor cache.
    """

    name = "rule_based"
    is_rule_based = True

    @classmethod
    def create(cls, settings: Settings, *, budget: Budget, cache: AnswerCache | None) -> Self:
        return cls()

    def analyze(self, request: Request) -> Answer:
        """`reason_code` is `invalid_facts` or `no_opinions` where nothing can be judged."""
        begun = perf_counter()
        opinion, code, refusal = _judge(request)
        return Answer(
            analyst=self.name,
            is_rule_based=True,
            opinion=opinion,
            refusal=refusal,
            reason_code=code,
            raw=() if opinion is None else (opinion.model_dump_json(),),
            model=MODEL,
            parameters={"decisive": DECISIVE, "stop_ranges": _STOP_RANGES},
            usage=Usage(),
            seconds=perf_counter() - begun,
            finish_reason="stop" if opinion else "",
            request_hash=self.request_hash(request),
        )

    def request_hash(self, request: Request) -> str:
        parameters: dict[str, Any] = {"facts": request.facts}
        return request_hash(
            request, analyst=self.name, parameters=parameters, schema=opinion_schema()
        )


def _judge(request: Request) -> tuple[Opinion | None, str | None, str | None]:
    try:
        if request.kind == "chart":
            return judge_chart(ChartFacts.model_validate(request.facts)), None, None
        opinion = judge_view(ViewFacts.model_validate(request.facts))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        return None, "invalid_facts", f"The facts cannot be judged: {place}: {first['msg']}."
    if opinion is None:
        return None, "no_opinions", "There is no opinion of any chart to form a view from."
    return opinion, None, None


def judge_view(facts: ViewFacts) -> Opinion | None:
    """The consensus of the opinions; None when there are none."""
    formed = view.form(facts.opinions)
    if formed is None:
        return None
    reasons = [_INTRO, formed.rationale, *formed.opinion.reasons, *formed.dissent]
    return formed.opinion.model_copy(update={"reasons": reasons})


def judge_chart(facts: ChartFacts) -> Opinion:
    """
    Direction by the weighted mean of all marks, decisive beyond 0.3; that mean is the confidence.

    Entry is the last close. The stop lies two mean true ranges away, or half a range behind the
    nearest support or resistance where that is between one and three ranges away. Targets are
    1.5 and 3 times the risk.
    """
    given = marks(facts)
    score = total(given)
    direction = _direction(score)
    support, resistance = levels(facts)
    plan = _plan(facts, direction, support, resistance)
    return Opinion(
        direction=direction if plan else Direction.NEUTRAL,
        confidence=round(min(abs(score), 0.95), 4),
        trend=_trend(given[-1]),
        support=support,
        resistance=resistance,
        entry=plan and plan.entry,
        stop=plan and plan.stop,
        targets=plan.targets if plan else [],
        horizon_days=_horizon_days(facts),
        invalidation=_invalidation(direction, plan),
        reasons=[_INTRO, *(mark.reason for mark in given), f"Together they score {score:+.2f}."],
        risks=_risks(plan, resistance if direction is Direction.LONG else support),
        claims=list(_once(claim for mark in given for claim in mark.claims)),
    )


def levels(facts: ChartFacts) -> tuple[list[float], list[float]]:
    """
    Support below and resistance above the last close, nearest first, three at most.

    They are swings: bars whose low (high) is the extreme of five bars. Of two within half a mean
    true range of each other the nearer one is kept.
    """
    close, apart = facts.last_close, facts.true_range() / 2
    lows = (low for low in _swings(facts.low, min) if low < close)
    highs = (high for high in _swings(facts.high, max) if high > close)
    support = _spaced(sorted(lows, reverse=True), apart)
    resistance = _spaced(sorted(highs), apart)
    return _tradable(facts, support), _tradable(facts, resistance)


def _swings(values: list[float], extreme: Any) -> Iterable[float]:
    for row in range(2, len(values) - 2):
        if values[row] == extreme(values[row - 2 : row + 3]):
            yield values[row]


def _spaced(prices: list[float], apart: float) -> list[float]:
    kept: list[float] = []
    for price in prices:
        if not kept or abs(price - kept[-1]) >= apart:
            kept.append(price)
    return kept[:3]


def _tradable(facts: ChartFacts, prices: list[float]) -> list[float]:
    return [price for price in map(facts.on_tick, prices) if price > 0]


def _direction(score: float) -> Direction:
    if abs(score) < DECISIVE:
        return Direction.NEUTRAL
    return Direction.LONG if score > 0 else Direction.SHORT


def _trend(change: Mark) -> Literal["up", "down", "sideways"]:
    if abs(change.score) < 0.25:
        return "sideways"
    return "up" if change.score > 0 else "down"


@dataclass(frozen=True)
class _Plan:
    entry: float
    stop: float
    targets: list[float]


def _plan(
    facts: ChartFacts, direction: Direction, support: list[float], resistance: list[float]
) -> _Plan | None:
    """None where no trade is proposed, or ticks are too coarse for a plan of real prices."""
    if direction is Direction.NEUTRAL:
        return None
    side, behind = (1, support) if direction is Direction.LONG else (-1, resistance)
    entry = facts.on_tick(facts.last_close)
    risk = _risk(entry, facts.true_range(), behind)
    stop = facts.on_tick(entry - side * risk)
    targets = [facts.on_tick(entry + side * risk * multiple) for multiple in _TARGETS]
    if stop <= 0 or (entry - stop) * side <= 0 or (targets[0] - entry) * side <= 0:
        return None
    return _Plan(entry, stop, [target for target in targets if target > 0])


def _risk(entry: float, span: float, behind: list[float]) -> float:
    distance = abs(entry - behind[0]) if behind else 0.0
    if span <= distance <= 3 * span:
        return distance + span / 2
    return _STOP_RANGES * span


def _horizon_days(facts: ChartFacts) -> int:
    """Ten bars, in trading days; a calendar week holds five of them."""
    bars = 10
    days = facts.timeframe.seconds / 86_400
    return max(1, round(bars * (days if days <= 1 else days * 5 / 7)))


def _invalidation(direction: Direction, plan: _Plan | None) -> str:
    if plan is None:
        return "No trade is proposed, so nothing can prove it wrong."
    side = "below" if direction is Direction.LONG else "above"
    return f"A close {side} {plan.stop:g} proves the idea wrong."


def _risks(plan: _Plan | None, in_the_way: list[float]) -> list[str]:
    risks = ["Fixed rules see no news, no earnings date and no other market."]
    if plan and in_the_way:
        near, far = abs(in_the_way[0] - plan.entry), abs(plan.targets[0] - plan.entry)
        if near < far:
            risks.append(f"{in_the_way[0]:g} lies in the way of the target {plan.targets[0]:g}.")
    return risks


def _once(claims: Iterable[Claim]) -> Iterable[Claim]:
    seen = set()
    for claim in claims:
        key = (claim.name, claim.bars_ago)
        if key not in seen:
            seen.add(key)
            yield claim
