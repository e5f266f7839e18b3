"""The supervisor, with cheap children in place of the real parts."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic, sleep

import psutil
import pytest

from backend.core.clock import SystemClock
from backend.core.errors import InvalidInput
from backend.embedded import supervised
from backend.embedded.part import Part
from backend.embedded.stack_file import StackFile
from backend.embedded.supervised import State, delay
from backend.embedded.supervisor import Supervisor, rotate

ROOT = Path(__file__).parents[2]


def shell(script: str) -> Callable[[], list[str]]:
    return lambda: ["/bin/sh", "-c", script]


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = monotonic() + seconds
    while not condition():
        assert monotonic() < deadline, "it never happened"
        sleep(0.01)


class Stage:
    """A supervisor that the test moves by hand."""

    def __init__(self, home: Path, *parts: Part) -> None:
        self.file = StackFile(home)
        self.supervisor = Supervisor(
            parts,
            file=self.file,
            cwd=home,
            environment={"PATH": os.environ["PATH"], "HOME_OF_ALL": str(home)},
            clock=SystemClock(),
            about={"version": 1},
        )
        self.parts = {part.part.name: part for part in self.supervisor.parts}

    def until(self, condition: Callable[[], object]) -> None:
        def step() -> object:
            self.supervisor.advance()
            return condition()

        until(step)

    def log(self, part: str) -> str:
        return self.file.log_of(part).read_text()


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[..., Stage]]:
    made: list[Stage] = []

    def make(*parts: Part) -> Stage:
        made.append(Stage(tmp_path, *parts))
        return made[-1]

    yield make
    for one in made:
        one.supervisor.stop()


def test_parts_start_only_when_what_they_need_is_healthy_or_done(
    stage: Callable[..., Stage], tmp_path: Path
) -> None:
    order = f"echo $0 >> {tmp_path}/order; "
    up = tmp_path / "server is up"
    it = stage(
        Part(
            name="late",
            command=lambda: ["/bin/sh", "-c", order + "sleep 60", "late"],
            needs=("job", "server"),
        ),
        Part(name="job", command=lambda: ["/bin/sh", "-c", order, "job"], runs_once=True),
        Part(
            name="server",
            command=lambda: ["/bin/sh", "-c", order + "sleep 60", "server"],
            is_healthy=up.exists,
        ),
    )
    it.until(lambda: it.parts["job"].state is State.DONE)
    it.supervisor.advance()
    assert it.parts["late"].state is State.WAITING
    up.touch()
    it.until(lambda: it.parts["late"].state is State.HEALTHY)
    assert (tmp_path / "order").read_text().split()[-1] == "late"


def test_a_killed_part_is_started_again_and_counted(
    stage: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(supervised, "FIRST_DELAY_SECONDS", 0.01)
    it = stage(Part(name="server", command=shell("echo alive; exec sleep 60")))
    server = it.parts["server"]
    it.until(lambda: server.state is State.HEALTHY)
    assert server.process is not None
    first = server.process.pid
    os.kill(first, signal.SIGKILL)
    it.until(lambda: server.restarts == 1 and server.state is State.HEALTHY)
    assert server.process.pid != first
    until(lambda: it.log("server") == "alive\nalive\n")
    assert "server: It was killed by SIGKILL." in capsys.readouterr().out


def test_what_a_dead_part_left_behind_is_swept_away(stage: Callable[..., Stage]) -> None:
    it = stage(Part(name="server", command=shell("sleep 61 & echo $!; exec sleep 60")))
    it.until(lambda: it.log("server").strip())
    left_behind = int(it.log("server"))
    assert it.parts["server"].process is not None
    it.parts["server"].process.kill()
    it.until(lambda: it.parts["server"].restarts == 1)
    until(lambda: not is_alive(left_behind))


def test_a_failing_job_is_tried_again_until_it_ends_well(
    stage: Callable[..., Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "FIRST_DELAY_SECONDS", 0.01)
    script = f"echo x >> {tmp_path}/tries; test $(wc -l < {tmp_path}/tries) = 3"
    it = stage(Part(name="job", command=shell(script), runs_once=True))
    it.until(lambda: it.parts["job"].state is State.DONE)
    assert it.parts["job"].restarts == 2
    assert it.parts["job"].detail == ""


def test_a_part_that_cannot_even_be_started_says_why(stage: Callable[..., Stage]) -> None:
    def refuse() -> list[str]:
        raise InvalidInput("The data is of another version.")

    it = stage(Part(name="server", command=refuse))
    it.until(lambda: it.parts["server"].state is State.FAILED)
    document = it.file.home.joinpath("stack.json").read_text()
    assert "The data is of another version." in document


def test_a_part_that_falls_silent_is_killed_and_started_again(
    stage: Callable[..., Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = tmp_path / "answers"
    answers.touch()
    it = stage(Part(name="server", command=shell("exec sleep 60"), is_healthy=answers.exists))
    server = it.parts["server"]
    it.until(lambda: server.state is State.HEALTHY)
    answers.unlink()
    server._due = 0
    it.until(lambda: server.state is State.SILENT)
    monkeypatch.setattr(supervised, "SILENT_SECONDS", 0.0)
    server._due = 0
    it.until(lambda: server.restarts == 1)
    assert server.detail == "It was killed by SIGKILL."


def test_a_part_is_not_killed_for_the_silence_of_what_it_needs(
    stage: Callable[..., Stage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervised, "SILENT_SECONDS", 0.0)
    answers = tmp_path / "answers"
    answers.touch()
    it = stage(
        Part(name="database", command=None, is_healthy=answers.exists),
        Part(
            name="web",
            command=shell("exec sleep 60"),
            is_healthy=answers.exists,
            needs=("database",),
        ),
    )
    it.until(lambda: it.parts["web"].state is State.HEALTHY)
    answers.unlink()
    for _ in range(3):
        for part in it.parts.values():
            part._due = 0
        it.supervisor.advance()
    assert it.parts["web"].state is State.SILENT
    assert it.parts["web"].restarts == 0


def test_what_runs_outside_is_only_asked(stage: Callable[..., Stage], tmp_path: Path) -> None:
    answers = tmp_path / "answers"
    it = stage(Part(name="postgres", command=None, is_healthy=answers.exists))
    it.supervisor.advance()
    assert it.parts["postgres"].state is State.STARTING
    answers.touch()
    it.until(lambda: it.parts["postgres"].state is State.HEALTHY)
    assert it.parts["postgres"].process is None


def test_stopping_ends_the_dependents_first(tmp_path: Path) -> None:
    script = (
        f"trap 'echo $0 >> {tmp_path}/order; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    )
    it = Stage(
        tmp_path,
        Part(name="server", command=lambda: ["/bin/sh", "-c", script, "server"]),
        Part(name="web", command=lambda: ["/bin/sh", "-c", script, "web"], needs=("server",)),
    )
    it.until(lambda: it.parts["web"].state is State.HEALTHY and it.log("web") and it.log("server"))
    it.supervisor.stop()
    assert (tmp_path / "order").read_text().split() == ["web", "server"]
    assert it.file.was_stopped()


def test_a_part_that_will_not_stop_is_killed(tmp_path: Path) -> None:
    stubborn = Part(
        name="server",
        command=shell("trap '' TERM; echo up; while :; do sleep 0.01; done"),
        stop_seconds=0.1,
    )
    it = Stage(tmp_path, stubborn)
    it.until(lambda: it.log("server"))
    process = it.parts["server"].process
    assert process is not None
    it.supervisor.stop()
    assert process.returncode == -signal.SIGKILL


def test_delays_double_up_to_half_a_minute() -> None:
    assert [delay(n) for n in (1, 2, 3, 7, 50)] == [0.5, 1, 2, 30, 30]


def test_a_rotated_log_goes_on_where_its_writer_writes(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        for text in (b"first\n", b"second\n", b"third\n"):
            writer.write(text)
            rotate(log)
        writer.write(b"fourth\n")
    assert log.read_text() == "fourth\n"
    assert (tmp_path / "web.log.1").read_text() == "third\n"
    assert (tmp_path / "web.log.2").read_text() == "second\n"
    assert not (tmp_path / "web.log.3").exists()


def test_no_child_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import os, pathlib, sys
        from backend.core.clock import SystemClock
        from backend.embedded import child
        from backend.embedded.part import Part
        from backend.embedded.stack_file import StackFile
        from backend.embedded.supervisor import Supervisor

        home = pathlib.Path(sys.argv[1])
        parts = [
            Part(name=name, command=lambda: child.command(["sleep", "1000"])) for name in "ab"
        ]
        Supervisor(
            parts, file=StackFile(home), cwd=home, environment=os.environ, clock=SystemClock(),
            about={},
        ).run()
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], cwd=ROOT)
    try:
        until(lambda: len(psutil.Process(process.pid).children()) == 2)
        children = psutil.Process(process.pid).children()
        until(lambda: all(one.name() == "sleep" for one in children))
    finally:
        process.kill()
        process.wait()
    until(lambda: not any(is_alive(one.pid) for one in children))


def test_two_stacks_cannot_hold_one_home(tmp_path: Path) -> None:
    first = StackFile(tmp_path)
    held = first.lock()
    assert held is not None
    assert StackFile(tmp_path).lock() is None
    assert StackFile(tmp_path).is_locked()
    os.close(held)
    assert not first.is_locked()


def test_the_state_of_a_dead_stack_is_not_believed(tmp_path: Path) -> None:
    file = StackFile(tmp_path)
    held = file.lock()
    assert held is not None
    file.write({"version": 1, "parts": []})
    assert file.read() == {"version": 1, "parts": []}
    assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0
    os.close(held)
    assert file.read() is None


def is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
