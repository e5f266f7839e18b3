"""Whether the numbers in an opinion are those of the data."""

import re
from collections.abc import Sequence
from decimal import Decimal
from statistics import median
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from backend.analysis.base import Claim, Direction, Opinion
from backend.analysis.facts import ChartFacts
from backend.analysis.validity import impossible

Verdict = Literal["right", "slip", "wrong", "unknown"]

SAME = 0.001
"""A relative difference that is no difference: charts and tables show rounded numbers."""
ROUNDED = 0.03
"""The most that rounding may explain: 10 for 10.3, but not 1 for 1.4."""
PRICE_SLIP = 0.01
SERIES_SLIP = 0.05
ENTRY_SLIP = (0.03, 2.0)
ENTRY_WRONG = (0.10, 5.0)
"""Distance from the last close, as a fraction of it and in mean true ranges; the larger counts."""
FARTHEST = (2.0, 10.0)
"""A stop or target beyond twice or half the last close, and more than ten mean true ranges from
it, belongs to another price."""

_PRICES = {"open": "open", "high": "high", "low": "low", "close": "close", "volume": "volume"}
_ALIASES = {"price": "close", "last": "close", "last_close": "close", "last_price": "close"}
_OWN = {"entry", "stop", "target", "targets", "support", "resistance"}


class CheckedClaim(BaseModel):
    """One number held against the data. `difference` is relative, as a fraction."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    quoted: float
    actual: float | None = Field(description="None where the data has no such number.")
    difference: float | None
    verdict: Verdict
    sentence: str


class ClaimCheck(BaseModel):
    """`blocks` forbids a signal; then `reason_code` is `claim_contradicted`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: int = 1
    claims: list[CheckedClaim]
    levels: list[CheckedClaim] = Field(description="Entry, stop, targets, support, resistance.")
    blocks: bool
    reason_code: Literal["claim_contradicted"] | None
    sentence: str


def check(opinion: Opinion, charts: Sequence[ChartFacts]) -> ClaimCheck:
    """
    Hold every quoted number against the charts' bars and series; prices against the first chart.

    What blocks: an entry far from the last close, a stop or target on the wrong side or at
    another price's scale, a wrong last close, and a level that rests on a wrong quotation. A
    number that the facts do not hold is `unknown` and blocks nothing. An opinion about several
    charts is right where it is right about one of them. Give at least one chart.
    """
    claims = [_checked(claim, charts) for claim in opinion.claims]
    levels = _levels(opinion, charts[0])
    against = [] if opinion.direction is Direction.NEUTRAL else _against(opinion, claims, levels)
    return ClaimCheck(
        claims=claims,
        levels=levels,
        blocks=bool(against),
        reason_code="claim_contradicted" if against else None,
        sentence=" ".join(against) or _summary([*claims, *levels]),
    )


def _against(opinion: Opinion, claims: list[CheckedClaim], levels: list[CheckedClaim]) -> list[str]:
    wrong = [item for item in claims if item.verdict == "wrong"]
    planned = [opinion.entry, opinion.stop, *opinion.targets]
    sentences = [item.sentence for item in levels if item.verdict == "wrong"]
    sentences += impossible(opinion)
    for item, claim in zip(claims, opinion.claims, strict=True):
        if item not in wrong:
            continue
        if _spelled(claim.name)[1] == "close" and claim.bars_ago == 0:
            sentences.append(item.sentence)
        elif any(price is not None and _apart(price, item.quoted) <= SAME for price in planned):
            sentences.append(f"The plan uses {item.quoted:g}, but: {item.sentence}")
    return sentences


def _checked(claim: Claim, charts: Sequence[ChartFacts]) -> CheckedClaim:
    timeframe, name = _spelled(claim.name)
    if name in _OWN or name.rstrip("0123456789_") in _OWN:
        return _unknown(claim, "is the opinion's own level and is checked as such")
    asked = [chart for chart in charts if timeframe in ("", chart.timeframe)]
    found = [item for chart in asked if (item := _against_chart(claim, name, chart))]
    order = ("right", "slip", "wrong")
    if not found:
        return _unknown(claim, "is not among the numbers that were given")
    return min(found, key=lambda item: order.index(item.verdict))


def _against_chart(claim: Claim, name: str, chart: ChartFacts) -> CheckedClaim | None:
    values = _values(name, chart)
    row = len(values) - 1 - claim.bars_ago
    actual = values[row] if 0 <= row < len(values) else None
    if actual is None:
        return None
    difference = _difference(claim.value, actual, _scale(name, actual, values))
    verdict = _verdict(claim.value, actual, difference, name in _PRICES)
    said = f"{claim.name} is quoted as {claim.value:g}"
    if verdict == "right":
        return _made(claim, actual, difference, verdict, f"{said}, which is right.")
    beside = values[max(0, row - 1) : row + 2]
    if any(_is_same(claim.value, value) for value in beside if value is not None):
        sentence = f"{said}, the value of a bar beside; it is {actual:g}."
        return _made(claim, actual, difference, "slip", sentence)
    sentence = f"{said}; {chart.timeframe} data has {actual:g} ({difference:.1%} apart)."
    return _made(claim, actual, difference, verdict, sentence)


def _scale(name: str, actual: float, values: Sequence[float | None]) -> float:
    """What a difference is measured by: near zero, as MACD often is, the series' usual size."""
    if name in _PRICES:
        return abs(actual)
    return max(abs(actual), median(abs(value) for value in values if value is not None))


def _values(name: str, chart: ChartFacts) -> Sequence[float | None]:
    if name in _PRICES:
        prices: list[float] = getattr(chart, _PRICES[name])
        return prices
    by_spelling = {_spelled(label)[1]: values for label, values in chart.series.items()}
    return by_spelling.get(name, [])


def _spelled(name: str) -> tuple[str, str]:
    """A timeframe, if the name starts with one, and the rest: "1d SMA(20)" -> ("1d", "sma_20")."""
    plain = re.sub(r"[^a-z0-9.]+", "_", name.lower()).strip("_")
    match = re.match(r"(\d+(?:min|[hdwm]))_(.+)", plain)
    timeframe, rest = match.groups() if match else ("", plain)
    return timeframe, _ALIASES.get(rest, rest)


def _verdict(quoted: float, actual: float, difference: float, is_price: bool) -> Verdict:
    if difference <= SAME or _is_rounded(quoted, actual, difference):
        return "right"
    return "slip" if difference <= (PRICE_SLIP if is_price else SERIES_SLIP) else "wrong"


def _is_rounded(quoted: float, actual: float, difference: float) -> bool:
    """Whether the number is the true one, rounded to the decimals in which it is written."""
    exponent = Decimal(repr(quoted)).normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    # Zeros before the point are rounding in a volume of 12,300,000, not in a price of 190.
    step = 10.0 ** (exponent if abs(quoted) >= 10_000 else min(0, exponent))
    half_a_step = 0.5 * step
    return difference <= ROUNDED and abs(quoted - actual) <= half_a_step * (1 + 1e-9)


def _is_same(quoted: float, actual: float) -> bool:
    difference = _difference(quoted, actual, abs(actual))
    return difference <= SAME or _is_rounded(quoted, actual, difference)


def _difference(quoted: float, actual: float, scale: float) -> float:
    if quoted == actual:
        return 0.0
    return abs(quoted - actual) / scale if scale else 1.0


def _apart(one: float, other: float) -> float:
    return _difference(one, other, abs(other))


def _levels(opinion: Opinion, chart: ChartFacts) -> list[CheckedClaim]:
    found = []
    if opinion.entry is not None:
        found.append(_entry(opinion.entry, chart))
    if opinion.stop is not None:
        found.append(_reachable("stop", opinion.stop, chart))
    found += [_reachable("target", price, chart) for price in opinion.targets]
    found += [_sided("support", price, chart, -1) for price in opinion.support]
    found += [_sided("resistance", price, chart, 1) for price in opinion.resistance]
    return found


def _entry(price: float, chart: ChartFacts) -> CheckedClaim:
    last, span = chart.last_close, chart.true_range()
    distance = abs(price - last)
    verdict: Verdict = "right"
    if distance > max(ENTRY_SLIP[0] * last, ENTRY_SLIP[1] * span):
        verdict = "slip"
    if distance > max(ENTRY_WRONG[0] * last, ENTRY_WRONG[1] * span):
        verdict = "wrong"
    words = {"right": "near", "slip": "some way from", "wrong": "far from"}
    return _level("entry", price, chart, verdict, f"is {words[verdict]}")


def _reachable(name: str, price: float, chart: ChartFacts) -> CheckedClaim:
    times, ranges = FARTHEST
    distance = abs(price - chart.last_close)
    is_near = distance <= ranges * chart.true_range() or (
        chart.last_close / times <= price <= chart.last_close * times
    )
    verdict: Verdict = "right" if is_near else "wrong"
    return _level(name, price, chart, verdict, "fits" if is_near else "is out of reach of")


def _sided(name: str, price: float, chart: ChartFacts, side: int) -> CheckedClaim:
    """A support above the price, or a resistance below it, by more than half a true range."""
    is_right = (price - chart.last_close) * side >= -chart.true_range() / 2
    verdict: Verdict = "right" if is_right else "slip"
    return _level(name, price, chart, verdict, "fits" if is_right else "is on the wrong side of")


def _level(
    name: str, price: float, chart: ChartFacts, verdict: Verdict, relation: str
) -> CheckedClaim:
    return CheckedClaim(
        name=name,
        quoted=price,
        actual=chart.last_close,
        difference=_apart(price, chart.last_close),
        verdict=verdict,
        sentence=f"The {name} {price:g} {relation} the last close {chart.last_close:g}.",
    )


def _unknown(claim: Claim, why: str) -> CheckedClaim:
    return _made(claim, None, None, "unknown", f"{claim.name} {claim.value:g} {why}.")


def _made(
    claim: Claim, actual: float | None, difference: float | None, verdict: Verdict, sentence: str
) -> CheckedClaim:
    return CheckedClaim(
        name=claim.name,
        quoted=claim.value,
        actual=actual,
        difference=difference,
        verdict=verdict,
        sentence=sentence,
    )


def _summary(items: list[CheckedClaim]) -> str:
    counts = {verdict: 0 for verdict in ("right", "slip", "wrong", "unknown")}
    for item in items:
        counts[item.verdict] += 1
    said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"The data contradicts no price of the plan ({said or 'nothing quoted'})."
