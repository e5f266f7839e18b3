"""The order of the thirteen steps."""

from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What an execution runs; a name without a step is recorded as skipped once it has ended."""

    names: tuple[str, ...]
    steps: tuple[Step, ...]

    def after(self, name: str) -> tuple[str, ...]:
        """The names behind this one."""
        return self.names[self.names.index(name) + 1 :]


@cache
def live_plan() -> Plan:
    return Plan(
        names=STEP_NAMES, steps=tuple(steps.get(name) for name in STEP_NAMES if name in steps)
    )
