"""What an execution came to, in the few lines that a person looks at first."""

from collections.abc import Mapping
from typing import Any

from backend.executions.models import Execution, LineageRecord

_SIGNAL = {
    "Signal": "action",
    "Rules say": "rules_vote",
    "View says": "view_vote",
    "Confidence": "confidence",
    "Entry": "entry",
    "Stop": "stop",
    "Targets": "targets",
    "Reward to risk": "reward_to_risk",
}


def decided(execution: Execution, last: Mapping[str, LineageRecord]) -> dict[str, Any]:
    """Name -> value; None for what it never came to."""
    signal = _output(last, "generate_signal").get("signal") or {}
    sized = _output(last, "size_and_check_risk")
    order = sized.get("order_plan") or sized.get("sizing") or {}
    return {
        **{name: _plain(signal.get(key)) for name, key in _SIGNAL.items()},
        "Quantity": order.get("quantity"),
        "Outcome": execution.outcome and execution.outcome.value,
        "Reason": execution.reason,
    }


def _output(last: Mapping[str, LineageRecord], step: str) -> dict[str, Any]:
    record = last.get(step)
    return (record and record.output) or {}


def _plain(value: Any) -> Any:
    return ", ".join(map(str, value)) or None if isinstance(value, list) else value
