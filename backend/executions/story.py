"""
Why an execution did or did not want to trade, in plain words, out of what its steps found.

Everything is read from stored JSON of any age: what is not there is left out of the story.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from backend.executions.models import Execution, Status
from backend.workflow.outcome import Outcome
from backend.workflow.plan import STEP_NAMES

Facts = Mapping[str, Any]
"""Everything that the steps found, by name."""

TIMEFRAMES = {"1d": "daily", "1w": "weekly", "1h": "hourly", "1m": "monthly"}

DOING = {
    "preflight": "asking whether it is the time, and whether the broker is there",
    "resolve_contract": "finding the instrument that the symbol means",
    "fetch_bars": "fetching bars and a quote",
    "check_data": "checking that the bars are whole and fresh",
    "snapshot_account": "asking for cash and positions",
    "compute_indicators": "computing indicators and asking the rules",
    "render_charts": "drawing the charts",
    "analyze_charts": "asking the analyst about each chart",
    "form_view": "forming one view out of the opinions",
    "generate_signal": "weighing rules and view, and checking the quoted numbers",
    "size_and_check_risk": "computing the quantity and asking every limit",
    "place_orders": "placing the orders",
    "reconcile": "looking up what became of them",
}


@dataclass(frozen=True, kw_only=True)
class Story:
    """`headline` says how it ended in one sentence, `sentences` how it came to that."""

    headline: str
    sentences: list[str]


def story(execution: Execution, facts: Facts, *, source: str, ended_at: str) -> Story:
    """`source` is what the strategy follows: rules, view, agree or either."""
    return Story(
        headline=_headline(execution, facts, ended_at),
        sentences=[
            *_looked(facts),
            *_rules(facts),
            *_view(facts),
            *_weighed(facts, source),
            *_claims(facts),
            *_risk(facts),
            *_placed(facts),
        ],
    )


def _headline(execution: Execution, facts: Facts, ended_at: str) -> str:
    symbol = execution.symbol
    if execution.outcome is Outcome.FAILED and ended_at:
        return f"It broke while {DOING.get(ended_at, ended_at)}."
    if execution.outcome is not None:
        return _ENDINGS[execution.outcome](symbol, facts)
    if execution.status is Status.PARKED:
        return "It is parked, and goes on by itself once what it waits for is back."
    if execution.status is Status.WAITING:
        return f"It waits for a person. {execution.reason or ''}".strip()
    if execution.status is Status.QUEUED or execution.current_step is None:
        return "It waits for a worker."
    step = execution.current_step
    number = STEP_NAMES.index(step) + 1 if step in STEP_NAMES else "?"
    return f"It is at step {number} of {len(STEP_NAMES)}: {DOING.get(step, step)}."


def _wanted(symbol: str, facts: Facts) -> str:
    """ "buy 12 AAPL", as far as it is known; empty when it wanted nothing."""
    action = (facts.get("signal") or {}).get("action")
    if action not in ("BUY", "SELL"):
        return ""
    plan = facts.get("order_plan") or facts.get("sizing") or {}
    quantity = plan.get("quantity")
    known = f"{number(quantity)} " if quantity and Decimal(str(quantity)) > 0 else ""
    return f"{'buy' if action == 'BUY' else 'sell short'} {known}{symbol}"


def _ordered(symbol: str, facts: Facts) -> str:
    return f"It sent an order to {_wanted(symbol, facts) or f'trade {symbol}'}."


def _observed(symbol: str, facts: Facts) -> str:
    return f"It wanted to {_wanted(symbol, facts) or f'trade {symbol}'}, and only watched."


def _held(symbol: str, facts: Facts) -> str:
    wanted = _wanted(symbol, facts)
    if wanted:
        return f"It wanted to {wanted}, and held back: its own numbers do not stand."
    return f"It did not want to trade {symbol}."


def _blocked(symbol: str, facts: Facts) -> str:
    wanted = _wanted(symbol, facts)
    if wanted:
        return f"It wanted to {wanted}, and a limit forbade it."
    return f"It did not judge {symbol}: what it would have judged by is not good enough."


def _rejected(symbol: str, facts: Facts) -> str:
    return f"It wanted to {_wanted(symbol, facts) or f'trade {symbol}'}, and a person said no."


def _expired(symbol: str, facts: Facts) -> str:
    wanted = _wanted(symbol, facts) or f"trade {symbol}"
    return f"It wanted to {wanted}, and nobody said yes in time."


def _skipped(_symbol: str, _facts: Facts) -> str:
    return "It did not run this time."


def _failed(_symbol: str, _facts: Facts) -> str:
    return "It broke before it could decide."


_ENDINGS = {
    Outcome.ORDERED: _ordered,
    Outcome.OBSERVED: _observed,
    Outcome.HELD: _held,
    Outcome.BLOCKED: _blocked,
    Outcome.REJECTED: _rejected,
    Outcome.EXPIRED: _expired,
    Outcome.SKIPPED: _skipped,
    Outcome.FAILED: _failed,
}


def _looked(facts: Facts) -> Iterator[str]:
    snapshots = facts.get("snapshots") or {}
    if not snapshots:
        return
    contract = facts.get("contract") or {}
    bars = " and ".join(
        f"{each.get('count')} {TIMEFRAMES.get(timeframe, timeframe)} bars"
        for timeframe, each in snapshots.items()
    )
    first = next(iter(snapshots.values()))
    close = f", the last closed at {number(first.get('last_close'))}"
    last = (facts.get("quote") or {}).get("last")
    now = f", with {number(last)} quoted at that moment" if last else ""
    name = contract.get("name") or contract.get("symbol") or "the instrument"
    yield f"It looked at {bars} of {name}{close}{now}."


def _rules(facts: Facts) -> Iterator[str]:
    for side, words in (("long_rule", "buying"), ("short_rule", "selling short")):
        rule = facts.get(side)
        if not rule:
            continue
        findings = rule.get("findings") or []
        if rule.get("verdict") is True:
            yield f"The rule for {words} holds: {_joined(findings)}"
        elif rule.get("verdict") is None:
            unknown = [each for each in findings if each.get("verdict") is None]
            yield f"The rule for {words} cannot be judged yet: {_joined(unknown)}"
        else:
            against = [each for each in findings if each.get("verdict") is False]
            yield f"The rule for {words} does not hold: {_joined(against)}"


def _joined(findings: list[Mapping[str, Any]], most: int = 3) -> str:
    """The first few findings as one sentence."""
    told = [str(each.get("sentence", "")).rstrip(".") for each in findings[:most]]
    more = f"; and {len(findings) - most} more" if len(findings) > most else ""
    return f"{'; '.join(told) or 'see its conditions below'}{more}."


def _view(facts: Facts) -> Iterator[str]:
    view = facts.get("view")
    if not view:
        return
    opinion, opinions = view.get("opinion") or {}, facts.get("opinions") or []
    is_rule_based = bool(opinions) and all(each.get("is_rule_based") for each in opinions)
    who = "The rule-based analyst (no model was asked)" if is_rule_based else "The model"
    sees = {"long": "sees it rising", "short": "sees it falling"}.get(
        str(opinion.get("direction")), "sees no direction"
    )
    confidence = float(opinion.get("confidence") or 0)
    dissent = view.get("dissent") or []
    but = f", against {len(dissent)} of {len(opinions)} opinions" if dissent else ""
    yield f"{who} {sees}, with {confidence:.0%} confidence{but}."


_SOURCES = {
    "agree": "The strategy trades only when rules and view agree",
    "rules": "The strategy follows its rules alone",
    "view": "The strategy follows the view alone",
    "either": "The strategy follows its rules, and the view where they are silent",
}


def _weighed(facts: Facts, source: str) -> Iterator[str]:
    signal = facts.get("signal")
    if not signal:
        return
    policy = _SOURCES.get(source, "The strategy weighed both")
    if signal.get("action") == "HOLD":
        yield f"{policy}; so it holds: {_plain(str(signal.get('sentence', '')))}"
        return
    side = "buy" if signal.get("action") == "BUY" else "sell short"
    ratio = signal.get("reward_to_risk")
    reward = f", {number(ratio, 2)} times the risk to be won" if ratio else ""
    yield (
        f"{policy}; so the signal is to {side} at {number(signal.get('entry'))}, with the stop at"
        f" {number(signal.get('stop'))}{reward}."
    )


def _plain(sentence: str) -> str:
    return sentence.removeprefix("HOLD: ").partition(" (source:")[0].rstrip(".") + "."


def _claims(facts: Facts) -> Iterator[str]:
    check = facts.get("claim_check")
    if not check:
        return
    quoted = [*(check.get("claims") or []), *(check.get("levels") or [])]
    wrong = [each for each in quoted if each.get("verdict") == "wrong"]
    if wrong:
        yield (
            f"Of {len(quoted)} numbers that the view quotes, {len(wrong)} contradict the data:"
            f" {wrong[0].get('sentence', '')}"
        )
    elif quoted:
        yield f"None of the {len(quoted)} numbers that the view quotes contradicts the data."


def _risk(facts: Facts) -> Iterator[str]:
    sizing, report = facts.get("sizing") or {}, facts.get("risk_report")
    if sizing.get("reason_code"):
        yield str(sizing.get("sentence", ""))
    elif sizing:
        worth, lost = (number(sizing.get(name), 2) for name in ("order_value", "risk_taken"))
        quantity = number(sizing.get("quantity"))
        yield f"{quantity} shares, worth {worth}, would lose {lost} at the stop."
    if report:
        verdicts = report.get("verdicts") or []
        hard = [each for each in verdicts if each.get("verdict") != "pass"]
        kept = f"All {len(verdicts)} limits are kept."
        yield " ".join(str(each.get("sentence", "")) for each in hard) or kept


def _placed(facts: Facts) -> Iterator[str]:
    """Who said yes, what the broker asked, and what came of it."""
    decision = facts.get("approval") or {}
    if decision.get("decided_by"):
        yield f"{decision['decided_by']} approved it."
    placement = facts.get("reconciled") or facts.get("placement") or {}
    asked = placement.get("questions") or []
    refused = [each for each in asked if each.get("answer") == "no"]
    if refused:
        yield f"The broker asked: {refused[0].get('text', '')} It was answered no."
    elif asked:
        are = "questions, all" if len(asked) > 1 else "question,"
        yield f"The broker asked {len(asked)} {are} answered yes by the rules for them."
    filled = Decimal(str(facts.get("filled") or 0))
    if filled:
        cost = f" for {number(facts.get('commission'), 2)} of commission"
        yield f"{number(filled)} shares filled at {number(facts.get('average_price'))}{cost}."
    elif placement.get("orders") and facts.get("reconciled"):
        yield "Nothing of it has filled so far."
    yield from (str(each) for each in placement.get("troubles") or [])


def number(value: Any, digits: int = 4) -> str:
    if value is None or value == "":
        return "?"
    text = f"{Decimal(str(value)):,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
