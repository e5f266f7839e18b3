"""What the round trips of one strategy came to, for its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.executions.models import Execution
from backend.journal import finding
from backend.journal.asking import Asked, Kind, State
from backend.journal.totals import Totals, sum_up


@dataclass(frozen=True, kw_only=True)
class Results:
    sums: Sequence[Totals]
    """Of the closed ones, each kind and currency by itself."""
    still_open: dict[Kind, int]
    ai_cost_usd: Decimal
    """Of all its executions, also those that held."""

    @property
    def only_open(self) -> list[tuple[Kind, int]]:
        """Kinds of which nothing has closed yet."""
        closed = {each.kind for each in self.sums}
        return [(kind, count) for kind, count in self.still_open.items() if kind not in closed]


def results(session: Session, strategy_id: int) -> Results | None:
    """None where it never came to a round trip."""
    asked = Asked(strategy_id=strategy_id)
    counts = finding.counts(session, asked)
    if not counts:
        return None
    closed = asked.model_copy(update={"state": State.CLOSED})
    cost = select(func.coalesce(func.sum(Execution.cost_usd), 0)).where(
        Execution.strategy_id == strategy_id, Execution.replay_of.is_(None)
    )
    return Results(
        sums=sum_up(finding.oldest_first(session, closed)),
        still_open={kind: n for (kind, state), n in counts.items() if state is State.OPEN},
        ai_cost_usd=Decimal(session.scalar(cost) or 0),
    )
