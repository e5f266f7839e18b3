"""`glassbox doctor`: what is well, what is not, and what to do about it."""

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import typer
from rich.console import Console

from backend.brokers.base import SessionStatus
from backend.cli import home as home_folder
from backend.core.clock import SystemClock
from backend.core.errors import AppError
from backend.core.settings import settings
from backend.embedded import child, health, stack
from backend.embedded.stack_file import StackFile

BEAT_SILENT_SECONDS = 600
"""Beat writes its schedule every three minutes; twice missed is too long."""


class Verdict(StrEnum):
    OK = "ok"
    #: Works, with something missing.
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    verdict: Verdict
    sentence: str
    """What was found, and for anything but OK what to do."""


_STYLES = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "red"}


def doctor() -> None:
    """Check the machine and every part; ends with 1 if something is broken."""
    console = Console(highlight=False)
    failed = False
    for name, finding in findings():
        failed = failed or finding.verdict is Verdict.FAIL
        verdict = f"[{_STYLES[finding.verdict]}]{finding.verdict:<5}[/]"
        console.print(f"{verdict} {name:<12} {finding.sentence}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


def findings() -> Iterator[tuple[str, Finding]]:
    """Every check with its finding, machine first, in the order of a start."""
    checks: dict[str, Callable[[], Finding]] = {
        "python": _python,
        "data folder": _home,
        "chromium": _chromium,
        "stack": _stack,
        "ports": _ports,
        "postgres": _postgres,
        "redis": _redis,
        "gateway": _gateway,
        "storage": _storage,
        "web": _web,
        "worker": _worker,
        "beat": _beat,
        "tracker": _tracker,
        "model": _model,
    }
    for name, check in checks.items():
        try:
            yield name, check()
        except AppError as error:
            yield name, Finding(Verdict.FAIL, error.message)


def _python() -> Finding:
    version = sys.version.split()[0]
    if sys.version_info[:2] in ((3, 11), (3, 12)):
        return Finding(Verdict.OK, f"Python {version}")
    return Finding(Verdict.FAIL, f"Python {version}; install 3.11 or 3.12 and remove .venv.")


def _home() -> Finding:
    home = home_folder.ready(settings().home)
    free = shutil.disk_usage(home).free
    sentence = f"{home}, {free / 1e9:.1f} GB free"
    if free < 2_000_000_000:
        return Finding(Verdict.WARN, f"{sentence}; charts and logs will want more: make room.")
    if home.stat().st_mode & 0o022:
        return Finding(Verdict.WARN, f"Others may write {home}; run: chmod go-w {home}")
    return Finding(Verdict.OK, sentence)


def _chromium() -> Finding:
    # Here and not above: it costs what Kaleido's browser library costs.
    from backend.charts.browser import find_chromium

    if not settings().charts_png:
        return Finding(Verdict.OK, "not needed: CHARTS_PNG is off")
    try:
        return Finding(Verdict.OK, find_chromium())
    except AppError as error:
        return Finding(Verdict.WARN, error.message)


def _stack() -> Finding:
    document = StackFile(settings().home.absolute()).read()
    if document is None:
        return Finding(Verdict.WARN, "does not run; start it with: glassbox up")
    ill = [part for part in document["parts"] if part["state"] not in ("healthy", "done")]
    if not ill:
        return Finding(Verdict.OK, f"{len(document['parts'])} parts are well")
    names = ", ".join(f"{part['name']} ({part['state']}: {part['detail']})" for part in ill)
    return Finding(Verdict.FAIL, f"{names}; see: glassbox logs {ill[0]['name']}")


def _ports() -> Finding:
    if StackFile(settings().home.absolute()).is_locked():
        return Finding(Verdict.OK, "held by the running stack")
    usual = {**stack.USUAL_PORTS, "web": settings().web_port}
    taken = [f"{port} ({part})" for part, port in usual.items() if not child.is_free(port)]
    if taken:
        return Finding(
            Verdict.WARN, f"{', '.join(taken)} taken by other programs; free ones will be used."
        )
    return Finding(Verdict.OK, "the usual ones are free")


def _postgres() -> Finding:
    return _asked(settings().database_url, "DATABASE_URL", health.database_answers)


def _redis() -> Finding:
    return _asked(settings().redis_url, "REDIS_URL", health.redis_answers)


def _asked(url: str, setting: str, ask: Callable[[str], bool]) -> Finding:
    place = url.rpartition("@")[2]
    if not url:
        return Finding(Verdict.WARN, f"not running, and {setting} names none outside")
    if ask(url):
        return Finding(Verdict.OK, f"answers at {place}")
    return Finding(
        Verdict.FAIL, f"does not answer at {place}; start it, or mend {setting}, or unset it."
    )


def _gateway() -> Finding:
    url = settings().ibkr_gateway_url
    if not health.http_answers(f"{url}/v1/api/iserver/auth/status", below=500):
        verdict = Verdict.FAIL if _runs_or_is_named("ibkr_gateway_url") else Verdict.WARN
        return Finding(verdict, f"nobody answers at {url}; start it, or mend IBKR_GATEWAY_URL.")
    # Here and not above: only a gateway that answers is worth the broker's imports.
    from backend.brokers.client_portal import broker

    if not settings().redis_url:
        return Finding(Verdict.WARN, f"{url} answers; its session is asked once Redis runs")
    session = broker.from_settings(settings().clock).session()
    if session.status is SessionStatus.READY:
        return Finding(Verdict.OK, f"{url} is logged in")
    return Finding(
        Verdict.FAIL, f"{url}: the session is {session.status.value}; log in there by browser."
    )


def _storage() -> Finding:
    from backend import storage

    storage.from_settings().check()
    return Finding(Verdict.OK, settings().s3_endpoint or f"{settings().home}/artifacts")


def _web() -> Finding:
    url = f"http://127.0.0.1:{settings().web_port}"
    if not _runs_or_is_named():
        return Finding(Verdict.WARN, "not running")
    if not health.http_answers(f"{url}/health/live"):
        return Finding(Verdict.FAIL, f"does not answer at {url}; see: glassbox logs web")
    if not health.http_answers(f"{url}/health/ready"):
        return Finding(Verdict.FAIL, f"is not ready; {url}/health/ready names the part.")
    return Finding(Verdict.OK, f"{url} is ready")


def _worker() -> Finding:
    if not settings().redis_url:
        return Finding(Verdict.WARN, "not running")
    if health.worker_listens(settings().redis_url):
        return Finding(Verdict.OK, "takes tasks")
    return Finding(Verdict.FAIL, "no worker listens; see: glassbox logs worker")


def _beat() -> Finding:
    home = settings().home
    if not _runs_or_is_named():
        return Finding(Verdict.WARN, "not running")
    since = SystemClock().now().timestamp() - BEAT_SILENT_SECONDS
    if health.written_since(home, "beat-schedule", since):
        return Finding(Verdict.OK, "keeps time")
    return Finding(Verdict.FAIL, "has not written its schedule lately; see: glassbox logs beat")


def _tracker() -> Finding:
    if not settings().redis_url:
        return Finding(Verdict.WARN, "not running")
    if health.tracker_lives(settings().redis_url):
        return Finding(Verdict.OK, "follows orders")
    return Finding(Verdict.FAIL, "gives no sign of life; see: glassbox logs tracker")


def _model() -> Finding:
    if settings().openai_api_key.get_secret_value():
        return Finding(Verdict.OK, f"{settings().openai_model} at {settings().openai_base_url}")
    return Finding(
        Verdict.WARN, "OPENAI_API_KEY is not set: the rule-based analyst answers instead."
    )


def _runs_or_is_named(setting: str = "") -> bool:
    home: Path = settings().home.absolute()
    return StackFile(home).is_locked() or setting in settings().model_fields_set
