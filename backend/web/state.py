"""What a request may ask the web process for."""

from typing import Annotated

from fastapi import Depends, Request

from backend.core.clock import Clock, machine_clock


def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


def _machine_clock(request: Request) -> Clock:
    return machine_clock(request.app.state.clock)


def actor(request: Request) -> str:
    """Who is asking, as records name them."""
    return getattr(request.state, "actor", "page")


ClockDep = Annotated[Clock, Depends(_clock)]
MachineClock = Annotated[Clock, Depends(_machine_clock)]
"""For sign-in and keys: a simulated time must neither end them nor make them last."""
ActorDep = Annotated[str, Depends(actor)]
