"""REST for orders: found, told with everything that happened to them, cancelled and changed."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from backend.brokers.base import Broker
from backend.core.database import SessionDep, transaction
from backend.portfolio.orders import cancelling, changing, listing, story
from backend.portfolio.orders.list_query import OrdersQuery, Tab
from backend.portfolio.orders.listing import Listed
from backend.portfolio.orders.models import Role
from backend.trading.order_state import OrderState
from backend.web.security import Reader, Trader
from backend.web.state import ActorDep, ClockDep

router = APIRouter(prefix="/api/orders")

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
WideId = Annotated[int | None, Query(ge=1, le=2**63 - 1)]


class Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class OrderOut(Out):
    id: int
    account: str
    role: Role
    symbol: str
    conid: int
    side: str
    order_type: str
    quantity: Decimal
    filled: Decimal
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail: Decimal | None
    tif: str
    outside_rth: bool
    state: OrderState
    reason: str | None
    average_price: Decimal | None
    commission: Decimal
    slippage: Decimal | None = Field(
        description="Per share; above zero it was worse than decided or triggered."
    )
    client_order_id: str
    broker_order_id: str | None
    round_trip_id: int | None
    parent_id: int | None
    strategy_id: int | None
    execution_id: int | None
    is_simulated: bool | None = Field(description="Null for an order of no trade of ours.")
    created_at: datetime
    created_by: str
    sent_at: datetime | None
    acknowledged_at: datetime | None
    updated_at: datetime
    done_at: datetime | None


class OrderList(BaseModel):
    orders: list[OrderOut]
    next_before: int | None = Field(
        description="Pass as `before` for the next page; null at the end."
    )


class TransitionOut(Out):
    at: datetime
    before: OrderState | None
    after: OrderState
    by: str
    sentence: str
    details: dict[str, Any]


class QuestionOut(Out):
    asked_at: datetime
    message_ids: list[str]
    text: str
    answer: str | None
    answered_at: datetime | None
    answered_by: str | None


class FillOut(Out):
    id: str
    at: datetime
    quantity: Decimal
    price: Decimal
    commission: Decimal | None = Field(description="Null until the broker has told it.")
    seen_by: str


class OrderStoryOut(BaseModel):
    order: OrderOut
    transitions: list[TransitionOut]
    questions: list[QuestionOut]
    fills: list[FillOut]
    same_trade: list[OrderOut] = Field(description="All orders of its round trip, itself too.")


class NewTerms(BaseModel):
    """What is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    trail: Decimal | None = None
    only_check: bool = Field(False, description="Say what would change, and change nothing.")

    @property
    def texts(self) -> dict[str, str]:
        given = self.model_dump(exclude={"only_check"}, exclude_none=True)
        return {name: f"{value:f}" for name, value in given.items()}


class ChangeOut(BaseModel):
    is_done: bool
    before: dict[str, Decimal]
    after: dict[str, Decimal]
    risk_before: Decimal | None = Field(description="From entry to stop, where a stop moves.")
    risk_after: Decimal | None


class CancelOut(BaseModel):
    sentence: str
    order: OrderOut


@router.get("")
def list_orders(
    session: SessionDep,
    _key: Reader,
    tab: Tab = Tab.ALL,
    account: Annotated[str | None, Query(max_length=32)] = None,
    strategy_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    symbol: Annotated[str | None, Query(max_length=64)] = None,
    round_trip: WideId = None,
    execution: WideId = None,
    before: WideId = None,
    limit: Annotated[int, Query(ge=1, le=500)] = listing.PAGE,
) -> OrderList:
    """Newest first."""
    asked = OrdersQuery(
        tab=tab,
        account=account,
        strategy_id=strategy_id,
        symbol=symbol,
        round_trip=round_trip,
        execution=execution,
        before=before,
    )
    rows = listing.find(session, asked, limit + 1)
    return OrderList(
        orders=[order_out(each) for each in rows[:limit]],
        next_before=rows[limit - 1].order.id if len(rows) > limit else None,
    )


@router.get("/{order_id}")
def get_order(session: SessionDep, _key: Reader, order_id: Id) -> OrderStoryOut:
    """One order with every step of its life."""
    found = story.read(session, order_id)
    return OrderStoryOut(
        order=order_out(found.listed),
        transitions=[TransitionOut.model_validate(each) for each in found.transitions],
        questions=[QuestionOut.model_validate(each) for each in found.questions],
        fills=[FillOut.model_validate(each) for each in found.fills],
        same_trade=[order_out(each) for each in found.siblings],
    )


@router.post("/{order_id}/cancel", status_code=202)
def cancel_order(
    request: Request, clock: ClockDep, _key: Trader, actor: ActorDep, order_id: Id
) -> CancelOut:
    """Ask the broker for its cancellation, or withdraw one that never went out."""
    sentence = cancelling.cancel(clock, _broker(request), order_id, actor)
    with transaction() as session:
        return CancelOut(sentence=sentence, order=order_out(listing.get(session, order_id)))


@router.patch("/{order_id}")
def change_order(
    request: Request, clock: ClockDep, _key: Trader, actor: ActorDep, order_id: Id, new: NewTerms
) -> ChangeOut:
    """Give a working order other terms at the broker."""
    broker = _broker(request)
    if new.only_check:
        change = changing.prepare(broker, order_id, new.texts)
    else:
        change = changing.modify(clock, broker, order_id, new.texts, actor)
    return ChangeOut(
        is_done=not new.only_check,
        before={str(name): value for name, value in change.before.items()},
        after={str(name): value for name, value in change.terms.items()},
        risk_before=change.risk_before,
        risk_after=change.risk_after,
    )


def order_out(listed: Listed) -> OrderOut:
    told = {name: getattr(listed.order, name, None) for name in OrderOut.model_fields}
    told |= {
        "slippage": listed.slippage,
        "is_simulated": listed.trip.is_simulated if listed.trip else None,
    }
    return OrderOut.model_validate(told)


def _broker(request: Request) -> Broker:
    broker: Broker = request.app.state.tools.broker
    return broker
