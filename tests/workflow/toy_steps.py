"""Steps that do next to nothing, so that the engine itself can be looked at."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from backend.core.clock import ManualClock
from backend.workflow.steps.base import Notes, Step, StepData, Tools, Touches

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Price(StepData):
    price: int


class Doubled(StepData):
    doubled: int


class Nothing(StepData):
    pass


class Total(StepData):
    total: Decimal
    at: datetime


def tools() -> Tools:
    """A clock and a notebook; whoever reaches for more gets an AttributeError."""
    nothing = cast(Any, None)
    return Tools(
        clock=ManualClock(NOON),
        broker=nothing,
        market=nothing,
        storage=nothing,
        renderer=None,
        analyst=nothing,
        budget=nothing,
        journal=nothing,
        safeguards=nothing,
        approvals=nothing,
        desk=nothing,
        notes=Notes(),
    )


def a_step(
    name: str,
    run: Callable[[Any, Tools], StepData],
    *,
    asks: type[StepData] = Nothing,
    finds: type[StepData] = Nothing,
    touches: Touches = Touches.NOTHING,
) -> Step:
    return Step(name=name, input=asks, output=finds, touches=touches, run=run)


def find_price(_: Nothing, __: Tools) -> Price:
    return Price(price=21)


def double(asked: Price, _: Tools) -> Doubled:
    return Doubled(doubled=asked.price * 2)


FIND = a_step("find", find_price, finds=Price)
DOUBLE = a_step("double", double, asks=Price, finds=Doubled)
