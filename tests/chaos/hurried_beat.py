"""Beat as it is, with every minute made a second."""

from backend.beat import app

__all__ = ["app"]

for task in ("dispatch due strategies", "send again what nobody works on"):
    app.conf.beat_schedule[task]["schedule"] = 1.0
