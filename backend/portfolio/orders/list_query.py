"""The filters of the list of orders as they stand in its address."""

from enum import StrEnum
from typing import Annotated, Any
from urllib.parse import urlencode

from pydantic import Field

from backend.trading.order_state import FINAL, OrderState
from backend.web.filters import FormQuery

PATH = "/orders"
Id = Annotated[int | None, Field(ge=1, le=2**63 - 1)]


class Tab(StrEnum):
    WORKING = "working"  #: it may still fill, or nobody knows yet what became of it
    DONE = "done"  #: filled or cancelled
    REFUSED = "refused"  #: the broker said no, or we gave it up before it went out
    ALL = "all"


STATES = {
    Tab.WORKING: frozenset(OrderState) - FINAL,
    Tab.DONE: frozenset({OrderState.FILLED, OrderState.CANCELLED}),
    Tab.REFUSED: frozenset({OrderState.REFUSED, OrderState.WITHDRAWN}),
    Tab.ALL: frozenset(OrderState),
}
NAMES = {
    Tab.WORKING: "Working",
    Tab.DONE: "Done",
    Tab.REFUSED: "Refused, withdrawn",
    Tab.ALL: "All",
}


class OrdersQuery(FormQuery):
    """The list of orders as its address asks for it."""

    tab: Tab = Tab.WORKING
    account: str | None = Field(None, max_length=32)
    strategy_id: int | None = Field(None, ge=1, le=2**31 - 1)
    symbol: str | None = Field(None, max_length=64)
    round_trip: Id = None
    execution: Id = None
    before: Id = None
    after: Id = None

    @property
    def narrows(self) -> bool:
        """Whether anything but tab and place is asked for."""
        return bool(self._asked.keys() - {"tab", "before", "after"})

    @property
    def _asked(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude_none=True, exclude_defaults=True)

    def href(self, **changes: object) -> str:
        """The same filters with some changed; the place is lost unless it is given anew."""
        asked = {**self._asked, "before": None, "after": None, **changes}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return f"{PATH}?{query}" if query else PATH
