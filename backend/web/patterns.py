"""The page of all components: what is not on it is not part of the visual language."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from backend.web.rendering import templates
from backend.web.state import ClockDep
from backend.web.time_plot import time_plot

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
        "line": time_plot(
            [(clock.now() + timedelta(hours=at), 100.0 + at * 7 % 20 + at) for at in range(24)],
            words=lambda value: f"{value:,.0f}",
        ),
        "rungs": {
            "zones": [
                {"y": 16, "height": 94, "state": "good"},
                {"y": 110, "height": 94, "state": "bad"},
            ],
            "rungs": [
                {"label": label, "price": price, "kind": kind, "share": None, "is_over": False}
                | {"y": y, "text_y": y}
                for label, price, kind, y in (
                    ("Target 1", 112, "target", 16),
                    ("Now", 106, "now", 63),
                    ("Entry", 100, "entry", 110),
                    ("Stop", 88, "stop", 204),
                )
            ],
        },
    }
    return templates.TemplateResponse(request, "patterns.html", context)
