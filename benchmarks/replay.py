"""An execution run again on its record, beside the same execution run anew."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from backend.charts import Renderer
from backend.core.database import transaction
from backend.executions.executor import StrategyExecutor
from backend.executions.replays import service as replay
from backend.storage.filesystem import FilesystemStorage
from backend.workflow.outcome import Outcome
from backend.workflow.steps import Tools
from benchmarks import stack
from benchmarks.executions import document, recorded, remembered_tools
from benchmarks.indicators import interleaved

ROUNDS = 15
ROUNDS_WITH_PNG = 6
WARM_UP = 2


def run() -> list[dict[str, Any]]:
    """
    Medians in milliseconds of a replay from its request to its end: whole, and from the signal on.

    Beside it the same strategy is run anew, with the broker's answers from memory; so what a
    replay spares by asking no gateway is not in these numbers.
    """
    renderer = Renderer()
    try:
        with remembered_tools() as (tools, home, _):
            return [
                _measure(tools, home, ROUNDS, "preflight"),
                _measure(tools, home, ROUNDS, "generate_signal"),
                _measure(replace(tools, renderer=renderer), home, ROUNDS_WITH_PNG, "preflight"),
            ]
    finally:
        renderer.close()


def _measure(tools: Tools, home: Path, rounds: int, first_step: str) -> dict[str, Any]:
    ids = stack.waiting(tools.clock, document(), rounds + WARM_UP + 1)
    source = next(ids)
    kept = replace(tools, storage=FilesystemStorage(home / f"source-{source}"))
    StrategyExecutor(kept).run(source)
    calls = (_replayed(kept, source, first_step), recorded(tools, home, ids))
    interleaved(WARM_UP, *calls)
    ours, anew = interleaved(rounds, *calls)
    what = "a whole replay" if first_step == "preflight" else f"a replay from {first_step}"
    return {
        "benchmark": f"{what}, {'with PNGs' if tools.renderer else 'without PNGs'}",
        "ours_ms": round(ours * 1e3, 1),
        "beside": "the strategy run anew",
        "peer_ms": round(anew * 1e3, 1),
        "ratio": round(ours / anew, 2),
    }


def _replayed(tools: Tools, source: int, first_step: str) -> Callable[[], None]:
    executor = StrategyExecutor(tools)

    def execute() -> None:
        with transaction() as session:
            made = replay.start(
                session, tools.clock, source, from_step=first_step, requested_by="benchmark"
            )
        outcome = executor.run(made.id)
        if outcome is not Outcome.OBSERVED:
            raise RuntimeError(f"Replay {made.id} ended {outcome}, not observed.")

    return execute
