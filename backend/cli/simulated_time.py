"""The time that a whole stack may live in instead of the machine's; chosen per data folder."""

from datetime import datetime
from pathlib import Path

from backend.core.clock import SimulatedClock, SystemClock
from backend.core.errors import InvalidInput
from backend.core.settings import Settings

USUAL_SPEED = 60.0


def chosen(
    home: Path, settings: Settings, *, start: datetime | None, speed: float | None
) -> SimulatedClock | None:
    """
    The simulated time of this data folder; None where it lives in the machine's.

    It is kept beside the data, so the next start goes on as if the clock had run meanwhile: what
    is on record never lies in the future. Raises `InvalidInput` where a start or a speed cannot be.
    """
    file = home / "simulated-time.json"
    kept = SimulatedClock.model_validate_json(file.read_text()) if file.exists() else None
    if kept is None and start is None and speed is None:
        return None
    if speed is not None and not 0 < speed <= 600:
        raise InvalidInput(
            f"--speed is {speed:g}; give more than 0 and at most 600.", field="speed"
        )
    _require_own_parts(settings)
    if kept is None and (home / "postgres").exists():
        raise InvalidInput(
            f"{home} holds what happened in real time, and two times do not go together."
            " Set GLASSBOX_HOME to a folder of its own, such as ~/.glassbox-fast.",
            field="glassbox_home",
        )
    clock = _next(kept, start, speed)
    if clock is not kept:
        file.write_text(clock.model_dump_json())
    return clock


def _next(
    kept: SimulatedClock | None, start: datetime | None, speed: float | None
) -> SimulatedClock:
    now = SystemClock().now()
    if kept is not None:
        if start is not None and start < kept.now():
            raise InvalidInput(
                f"--from is {start:%Y-%m-%d %H:%M} UTC, but the time of this data folder has come"
                f" to {kept.now():%Y-%m-%d %H:%M} UTC: it cannot go back. Leave --from out, or set"
                " GLASSBOX_HOME to a new folder.",
                field="from",
            )
        if start is None:
            return kept if speed is None else kept.at_speed(speed)
        speed = speed or kept.speed
    return SimulatedClock(start=start or now, speed=speed or USUAL_SPEED, begun_at=now)


def _require_own_parts(settings: Settings) -> None:
    """Nobody else's market and no shared database may be met in an invented time."""
    for name in ("ibkr_gateway_url", "database_url"):
        if name in settings.model_fields_set and getattr(settings, name):
            raise InvalidInput(
                f"A simulated time goes with the paper gateway and a database of its own, but"
                f" {name.upper()} is set. Leave it out, or leave out --from and --speed.",
                field=name,
            )
