"""The example strategy: seeded once, run once, its steps shown as they finish."""

from pathlib import Path

import yaml
from rich.console import Console
from sqlalchemy import select

from backend.cli.follow import follow
from backend.core.database import transaction
from backend.core.settings import settings
from backend.executions import dispatch
from backend.executions.models import Trigger
from backend.overview.checklist import EXAMPLE_AUTHOR
from backend.strategies import service
from backend.strategies.models import Strategy

EXAMPLE = Path(__file__).parents[2] / "database" / "seed" / "example_strategy.yaml"


def run_example(console: Console) -> None:
    """Where there is no strategy at all, make the example and run it once."""
    clock = settings().clock
    with transaction() as session:
        if session.scalar(select(Strategy.id).limit(1)) is not None:
            return
        document = yaml.safe_load(EXAMPLE.read_text())
        strategy = service.create(
            session, clock, document=document, author=EXAMPLE_AUTHOR, is_enabled=True
        )
        ids = dispatch.start(
            session, clock, strategy, symbols=None, trigger=Trigger.CLI, requested_by="glassbox up"
        )
    console.print(f"Made the example strategy {strategy.name!r} and started it once:")
    for execution_id in ids:
        follow(execution_id, console)
