"""The order of the steps. Two of the thirteen, order placement and what follows it, are to come."""

from functools import cache

from backend.workflow.steps import Step, steps

STEP_NAMES = (
    "preflight",
    "resolve_contract",
    "fetch_bars",
    "check_data",
    "snapshot_account",
    "compute_indicators",
    "render_charts",
    "analyze_charts",
    "form_view",
    "generate_signal",
    "size_and_check_risk",
    "place_orders",
    "reconcile",
)


@cache
def live_steps() -> tuple[Step, ...]:
    """What runs; a name without a step is recorded as skipped by the step that ends before it."""
    return tuple(steps.get(name) for name in STEP_NAMES if name in steps)
