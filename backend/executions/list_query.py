"""The filters of the executions list as they stand in its address."""

from datetime import date
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode

from pydantic import AwareDatetime, Field, ValidationError

from backend.core.errors import InvalidInput
from backend.executions.models import Status, Trigger
from backend.executions.service import Filters
from backend.web.filters import FormQuery, start_of
from backend.workflow.outcome import Outcome

PATH = "/executions"
Id = Annotated[int | None, Field(ge=1, le=2**63 - 1)]


class ListQuery(FormQuery):
    """The executions list as its address asks for it."""

    q: str | None = Field(None, max_length=200)
    strategy_id: int | None = Field(None, ge=1, le=2**31 - 1)
    symbol: str | None = Field(None, max_length=64)
    status: Status | None = None
    outcome: Outcome | None = None
    trigger: Trigger | None = None
    reason_code: str | None = Field(None, max_length=64)
    since: AwareDatetime | date | None = None
    """A day, or a moment with its zone."""
    until: AwareDatetime | date | None = None
    """The whole day, or up to a moment."""
    replays: Literal["shown"] | None = None
    """Left out unless they are asked for: nothing of them met the market."""
    before: Id = None
    after: Id = None

    @property
    def filters(self) -> Filters:
        return Filters(
            strategy_id=self.strategy_id,
            symbol=self.symbol,
            status=self.status,
            outcome=self.outcome,
            trigger=self.trigger,
            reason_code=self.reason_code,
            since=start_of(self.since),
            until=start_of(self.until, days_later=1),
            words=self.q,
            with_replays=self.replays is not None,
            before=self.before,
            after=self.after,
        )

    @property
    def state(self) -> str:
        """The tab that is open; empty for all."""
        return str(self.status or self.outcome or "")

    @property
    def narrows(self) -> bool:
        """Whether anything but tab and place is asked for."""
        return bool(self.asked.keys() - {"status", "outcome", "before", "after"})

    @property
    def asked(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True)

    def query(self, **changes: object) -> str:
        """The same filters with some changed; the place is lost unless it is given anew."""
        asked = {**self.asked, "before": None, "after": None, **changes}
        return urlencode({name: value for name, value in asked.items() if value is not None})

    def href(self, **changes: object) -> str:
        query = self.query(**changes)
        return f"{PATH}?{query}" if query else PATH

    def tab(self, state: str) -> str:
        """The address of a tab: a status of unfinished ones, or an outcome."""
        is_status = state in list(Status)
        return self.href(
            status=state if is_status else None, outcome=None if is_status else state or None
        )


def read(query: str) -> ListQuery:
    """Raises `InvalidInput` for what the list would refuse in its address."""
    try:
        return ListQuery.model_validate(dict(parse_qsl(query)))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{name}: {first['msg']}.", field=name) from None
