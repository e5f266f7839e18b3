"""What a request may ask the web process for."""

from typing import Annotated

from fastapi import Depends, Request

from backend.core.clock import Clock


def _clock(request: Request) -> Clock:
    clock: Clock = request.app.state.clock
    return clock


def actor(request: Request) -> str:
    """Who is asking, as records name them."""
    return getattr(request.state, "actor", "page")


ClockDep = Annotated[Clock, Depends(_clock)]
ActorDep = Annotated[str, Depends(actor)]
