"""`glassbox gateway`: the paper gateway alone."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from backend.cli import home as home_folder
from backend.core import logging
from backend.core.errors import InvalidInput
from backend.core.settings import settings
from backend.embedded import child


def gateway(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5000,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    http: Annotated[bool, typer.Option("--http", help="Plain HTTP instead of HTTPS.")] = False,
    speed: Annotated[
        float, typer.Option(help="How many seconds pass there in one of ours, above 0.")
    ] = 1.0,
    now: Annotated[
        str, typer.Option(help="What time it is there at the start, such as 2026-03-02T14:30Z.")
    ] = "",
    prices: Annotated[
        list[Path] | None,
        typer.Option(help="CSV or Parquet file of one more symbol; GLASSBOX_HOME/prices too."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Which of the possible intraday paths.")] = 1,
    new_account: Annotated[
        bool, typer.Option("--new-account", help="Forget orders and positions kept so far.")
    ] = False,
) -> None:
    """Serve a Client Portal Gateway that trades on paper, with real price history."""
    # Here and not above: the checks below must not wait for pandas.
    if speed <= 0:
        raise InvalidInput(f"--speed is {speed:g}, but time must pass: give more than 0.")
    if not child.is_free(port):
        raise InvalidInput(
            f"Port {port} of 127.0.0.1 is taken by another program."
            f" Stop it, or give --port another one, such as {child.free_port()}.",
            field="port",
        )
    start, speed, begun_at = _time(now, speed)
    home = home_folder.ready(settings().home)
    logging.configure("gateway")
    from backend.papergateway.server import serve

    serve(
        host=host,
        port=port,
        https=not http,
        speed=speed,
        now=start,
        begun_at=begun_at,
        files=[*map(_from_caller, prices or ()), *_own_prices(home)],
        seed=seed,
        state_dir=home / "gateway",
        new_account=new_account,
    )


def _time(now: str, speed: float) -> tuple[datetime | None, float, datetime | None]:
    """Start, speed and the machine's moment of the start; as the stack lives, unless told here."""
    if now:
        return moment(now, option="--now"), speed, None
    told = settings().simulated_time
    return (None, speed, None) if told is None else (told.start, told.speed, told.begun_at)


def moment(text: str, *, option: str) -> datetime:
    """Raises `InvalidInput`, naming the option, for what is no moment with a time zone."""
    field = option.removeprefix("--")
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            f"{option} is {text!r}, which is no time; write it as 2026-03-02T14:30Z.", field=field
        ) from None
    if found.tzinfo is None:
        raise InvalidInput(
            f"{option} is {text!r}, without a time zone; add Z for UTC or an offset such as"
            " -05:00.",
            field=field,
        )
    return found


def _from_caller(path: Path) -> Path:
    """The script `glassbox` has changed folders since the caller wrote this path."""
    return Path(os.environ.get("GLASSBOX_CALLED_FROM", ".")) / path


def _own_prices(home: Path) -> list[Path]:
    files = (home / "prices").glob("*")
    return sorted(path for path in files if path.suffix.lower() in (".csv", ".parquet"))
