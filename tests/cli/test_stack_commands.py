"""up, down, status and logs as a person meets them; the parts are stand-ins that cost nothing."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from backend.cli import home as home_folder
from backend.cli.logs import render, tail
from backend.core.errors import InvalidInput
from backend.core.settings import Settings
from backend.embedded import child, stack
from backend.embedded.stack_file import StackFile
from backend.web.signing import SHORTEST

ROOT = Path(__file__).parents[2]

# Stands in for the real layout: one server that lives and one job, under the real supervisor.
SITECUSTOMIZE = """
import os, sys
if "backend.embedded" in sys.orig_argv:
    import backend.embedded.stack as stack
    from backend.embedded import child
    from backend.embedded.part import Part

    def build(settings, home):
        script = os.environ.get("STAND_IN", "echo started; exec sleep 1000")
        server = Part(name="web", command=lambda: child.command(["sh", "-c", script]), port=8000)
        job = Part(name="migrate", command=lambda: ["true"], runs_once=True)
        return stack.Stack((job, server), {"WEB_PORT": "8000"},
            {"web": "http://127.0.0.1:8000", "flower": "http://127.0.0.1:5555"},
            ("Port 5432 is taken by another program: postgres uses 40001.",))

    stack.build = build
"""


class Person:
    """Types commands into a terminal of their own."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.file = StackFile(self.home)
        (folder / "sitecustomize.py").write_text(SITECUSTOMIZE)
        self.environment = {
            **os.environ,
            "GLASSBOX_HOME": str(self.home),
            "PYTHONPATH": f"{folder}:{ROOT}",
            "COLUMNS": "200",
        }

    def types(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "backend.cli", *words],
            cwd=ROOT,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=90,
        )

    def starts(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "backend.cli", *words],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )


@pytest.fixture
def person(db: str, tmp_path: Path) -> Iterator[Person]:
    """Its stack's parts are stand-ins; the database, in which `up` keeps a link, is real."""
    one = Person(tmp_path)
    yield one
    one.types("down")


def test_up_down_status_and_a_second_up(person: Person) -> None:
    first = person.types("up", "--detach", "--no-example")
    assert first.returncode == 0, first.stderr
    assert "web       healthy" in first.stdout
    assert "migrate   done" in first.stdout
    assert "Port 5432 is taken" in first.stdout
    assert "Glassbox runs: http://127.0.0.1:8000" in first.stdout
    assert "Sign in by:    http://127.0.0.1:8000/sign-in?token=" in first.stdout

    second = person.types("up")
    assert second.returncode == 0
    assert "runs already: http://127.0.0.1:8000" in second.stdout

    status = person.types("status")
    assert status.returncode == 0
    assert "healthy" in status.stdout
    assert "MB" in status.stdout

    assert "started" in person.types("logs", "web").stdout
    unknown = person.types("logs", "wep")
    assert unknown.returncode == 1
    assert "Did you mean 'web'?" in unknown.stderr

    document = person.file.read()
    assert document is not None
    pids = [document["pid"], *(part["pid"] for part in document["parts"] if part["pid"])]
    assert "Stopped." in person.types("down").stdout
    assert not any(is_alive(pid) for pid in pids)
    assert person.file.was_stopped()
    assert "does not run" in person.types("down").stdout
    gone = person.types("status")
    assert gone.returncode == 1
    assert "glassbox up" in gone.stdout


def test_whoever_ends_the_terminal_ends_the_stack(person: Person) -> None:
    terminal = person.starts("up", "--no-example")
    assert terminal.stdout is not None
    with terminal.stdout as said:
        while "Data and logs" not in (line := said.readline()):
            assert line, "up ended before everything was healthy"
        terminal.send_signal(signal.SIGTERM)
        # Before, while or after `up` becomes `attend`: each ends in its own way, and all stop.
        assert terminal.wait(30) in (130, -signal.SIGTERM, 0)
    deadline = monotonic() + 30
    while person.file.is_locked():
        assert monotonic() < deadline
        sleep(0.05)
    assert person.file.was_stopped()


def test_a_part_that_does_not_come_up_is_shown_with_its_last_words(person: Person) -> None:
    done = person.types("up", "--detach", "--no-example", STAND_IN="echo no table; exit 3")
    assert done.returncode == 1
    assert "web did not come up. It ended with 3." in done.stderr
    assert "no table" in done.stderr
    assert not person.file.is_locked()


def test_a_setting_that_cannot_be_is_named(person: Person) -> None:
    done = person.types("up", "--detach", WEB_PORT="0")
    assert done.returncode == 1
    assert "Error: WEB_PORT: Input should be greater than or equal to 1" in done.stderr
    assert not person.file.is_locked()


def test_a_home_that_is_a_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("in the way")
    with pytest.raises(InvalidInput, match=r"GLASSBOX_HOME is .*home, but nothing can be written"):
        home_folder.ready(tmp_path / "home")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a read-only folder")
def test_a_read_only_home_is_refused_with_the_remedy(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "none", tmp_path], capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip("this machine does not let root mount")
    try:
        with pytest.raises(InvalidInput, match="Read-only file system") as caught:
            home_folder.ready(tmp_path / "home")
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert caught.value.field == "glassbox_home"


def test_a_full_disk_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_folder, "LEAST_BYTES", 10**18)
    with pytest.raises(InvalidInput, match="Make room"):
        home_folder.ready(tmp_path)


def test_usual_ports_that_are_taken_are_passed_over_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for elsewhere in ("DATABASE_URL", "REDIS_URL", "IBKR_GATEWAY_URL"):
        monkeypatch.delenv(elsewhere, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        monkeypatch.setitem(stack.USUAL_PORTS, "redis", taken)
        plan = stack.build(Settings(_env_file=None), tmp_path)
    redis = next(part for part in plan.parts if part.name == "redis")
    assert redis.port != taken
    assert any(f"Port {taken} is taken" in note and "redis" in note for note in plan.notes)


def test_a_chosen_web_port_that_is_taken_is_an_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(InvalidInput, match=f"WEB_PORT is {taken}, but another program") as it:
            stack.build(Settings(_env_file=None, web_port=taken), tmp_path)
    assert it.value.field == "web_port"


def test_what_the_settings_point_outside_is_not_started(tmp_path: Path) -> None:
    settings = Settings(
        _env_file=None,
        database_url="postgresql+psycopg2://a:b@db/c",
        redis_url="redis://cache:6379/0",
        ibkr_gateway_url="https://127.0.0.1:5000",
    )
    plan = stack.build(settings, tmp_path)
    outside = {part.name for part in plan.parts if part.command is None}
    assert outside == {"postgres", "redis", "gateway"}
    assert plan.environment["DATABASE_URL"] == "postgresql+psycopg2://a:b@db/c"


def test_sessions_are_signed_by_a_secret_that_stays_and_that_only_its_owner_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = stack.build(Settings(_env_file=None), tmp_path).environment["WEB_SECRET"]
    assert chosen == os.environ["WEB_SECRET"]
    monkeypatch.delenv("WEB_SECRET")
    first, again = (stack.build(Settings(_env_file=None), tmp_path) for _ in range(2))
    assert first.environment["WEB_SECRET"] == again.environment["WEB_SECRET"] != chosen
    assert len(first.environment["WEB_SECRET"]) >= SHORTEST
    assert (tmp_path / "web" / "secret").stat().st_mode & 0o777 == 0o600


def test_no_program_of_this_machine_can_say_that_it_asks_from_elsewhere(tmp_path: Path) -> None:
    plan = stack.build(Settings(_env_file=None), tmp_path)
    [web] = [part for part in plan.parts if part.name == "web"]
    assert web.environment["FORWARDED_ALLOW_IPS"] == ""


def test_a_taken_port_of_the_paper_gateway_is_named_with_a_free_one(person: Person) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = person.types("gateway", "--port", port)
    assert done.returncode == 1
    assert f"Port {port} of 127.0.0.1 is taken" in done.stderr


@pytest.mark.parametrize(
    ("now", "complaint"), [("soon", "is no time"), ("2026-03-02T14:30", "without a time zone")]
)
def test_a_time_that_is_none_is_refused(person: Person, now: str, complaint: str) -> None:
    done = person.types("gateway", "--port", str(child.free_port()), "--now", now)
    assert done.returncode == 1
    assert complaint in done.stderr


def test_a_json_line_is_shown_as_a_sentence_and_any_other_as_it_is() -> None:
    line = json.dumps(
        {
            "event": "dispatched",
            "executions": 3,
            "level": "info",
            "timestamp": "2026-11-21T02:16:33Z",
        }
    )
    assert render("worker", line).plain == "worker     02:16:33 dispatched executions=3"
    assert render("postgres", "LOG: [ready]").plain == "postgres   LOG: [ready]"
    assert render("web", "17").plain == "web        17"


def test_the_tail_of_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log", 5) == []


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
