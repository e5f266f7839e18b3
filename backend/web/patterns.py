"""The page of all components: what is not on it is not part of the visual language."""

from typing import Any

from fastapi import APIRouter, Request, Response

from backend.web.rendering import templates
from backend.web.state import ClockDep

router = APIRouter(include_in_schema=False)

_STATES = (
    *(
        "queued",
        "ahead",
        "running",
        "waiting",
        "parked",
        "finished",
        "ended",
        "skipped",
        "interrupted",
    ),
    *("observed", "held", "blocked", "failed", "ordered", "rejected", "expired"),
    *("observe", "approve", "trade", "right", "slip", "wrong", "unknown", "paper", "live"),
)


@router.get("/patterns")
def show_patterns(request: Request, clock: ClockDep) -> Response:
    ended = ("observed", "held", "failed", "skipped", "held", "blocked", "running")
    context: dict[str, Any] = {
        "now": clock.now(),
        "states": _STATES,
        "runs": [{"state": each, "href": "#plots", "title": each} for each in ended * 4],
        "points": [
            {"x": at / 20, "y": (at * 7 % 20) / 20, "state": ended[at % 7]}
            | {"href": "#plots", "title": f"Execution {at}"}
            for at in range(20)
        ],
        "cells": [
            {"state": each, "start": clock.now(), "expected": 78, "stored": 40}
            for each in ("outside", "whole", "whole", "part", "none", "whole", "open")
        ],
    }
    return templates.TemplateResponse(request, "patterns.html", context)
