"""What each step found, in one short line beside its name."""

from decimal import Decimal

from backend.executions.story import Facts, number


def finding(step: str, output: Facts) -> str:
    """What a step found, in one short line; empty where there is nothing to say."""
    tell = _LINES.get(step)
    return tell(output) if tell and output else ""


def _bars_line(found: Facts) -> str:
    bars = ", ".join(
        f"{each.get('count')} x {tf}" for tf, each in (found.get("snapshots") or {}).items()
    )
    last = (found.get("quote") or {}).get("last")
    return f"{bars}; quote {number(last)}" if last else f"{bars}; no quote"


def _quality_line(found: Facts) -> str:
    reports = found.get("quality") or {}
    breaches = sum(len(each.get("breaches") or []) for each in reports.values())
    scores = ", ".join(f"{tf} {float(each.get('score') or 0):.1%}" for tf, each in reports.items())
    return f"{breaches} limits broken; {scores}" if breaches else f"flawless share {scores}"


def _account_line(found: Facts) -> str:
    account = found.get("account_snapshot") or {}
    held = len(account.get("positions") or [])
    equity = f"{number(account.get('equity'), 2)} {account.get('currency', '')}"
    return f"equity {equity}, {held} position{'' if held == 1 else 's'}"


def _rules_line(found: Facts) -> str:
    words = {True: "holds", False: "does not hold", None: "unknown"}
    said = [
        f"{side} rule {words.get(rule.get('verdict'), 'unknown')}"
        for side, rule in (("long", found.get("long_rule")), ("short", found.get("short_rule")))
        if rule
    ]
    count = sum(len(values) for values in (found.get("last_values") or {}).values())
    return "; ".join([f"{count} series", *said])


def _opinions_line(found: Facts) -> str:
    said = [
        f"{each.get('timeframe')} {(each.get('opinion') or {}).get('direction', 'no opinion')}"
        for each in found.get("opinions") or []
    ]
    return ", ".join(said) or "nobody was asked"


def _view_line(found: Facts) -> str:
    opinion = (found.get("view") or {}).get("opinion") or {}
    if not opinion:
        return "no view"
    return f"{opinion.get('direction')} at {float(opinion.get('confidence') or 0):.0%}"


def _signal_line(found: Facts) -> str:
    signal = found.get("signal") or {}
    action = str(signal.get("action", ""))
    if action == "HOLD":
        return "HOLD"
    return f"{action} at {number(signal.get('entry'))}, stop {number(signal.get('stop'))}"


def _risk_line(found: Facts) -> str:
    plan = found.get("order_plan")
    if plan:
        return f"{plan.get('side')} {number(plan.get('quantity'))} would go out"
    return f"{number((found.get('sizing') or {}).get('quantity'))} shares before limits"


def _preflight_line(found: Facts) -> str:
    hours = found.get("market_hours") or {}
    is_open = "open" if hours.get("is_open") else "closed"
    return f"account {found.get('account')}, {hours.get('calendar')} {is_open}"


def _contract_line(found: Facts) -> str:
    contract = found.get("contract") or {}
    return f"{contract.get('name')}, {contract.get('exchange')}, conid {contract.get('conid')}"


def _charts_line(found: Facts) -> str:
    charts = found.get("charts") or {}
    pictures = sum(1 for each in charts.values() if each.get("png"))
    return f"{len(charts)} charts, {pictures} as pictures"


def _placing_line(found: Facts) -> str:
    orders = (found.get("placement") or {}).get("orders") or []
    entries = [each for each in orders if each.get("role") == "entry"]
    if not entries:
        return ""
    states = ", ".join(dict.fromkeys(str(each.get("state")) for each in entries))
    quantity = sum(Decimal(str(each.get("quantity") or 0)) for each in entries)
    protecting = len(orders) - len(entries)
    first = entries[0]
    return f"{first.get('side')} {number(quantity)} {states}, with {protecting} protecting orders"


def _reconciled_line(found: Facts) -> str:
    filled = Decimal(str(found.get("filled") or 0))
    if not filled:
        return "nothing filled yet"
    slippage = Decimal(str(found.get("slippage") or 0))
    words = "as decided" if slippage == 0 else f"{number(abs(slippage))} "
    if slippage:
        words += "worse than decided" if slippage > 0 else "better than decided"
    return f"{number(filled)} at {number(found.get('average_price'))}, {words}"


_LINES = {
    "preflight": _preflight_line,
    "resolve_contract": _contract_line,
    "fetch_bars": _bars_line,
    "check_data": _quality_line,
    "snapshot_account": _account_line,
    "compute_indicators": _rules_line,
    "render_charts": _charts_line,
    "analyze_charts": _opinions_line,
    "form_view": _view_line,
    "generate_signal": _signal_line,
    "size_and_check_risk": _risk_line,
    "place_orders": _placing_line,
    "reconcile": _reconciled_line,
}
