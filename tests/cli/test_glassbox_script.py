"""The script `glassbox`: its logic, in a copy of the repository with stand-ins for slow tools."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

UV = """#!/bin/sh
echo "uv $*" >> "$TOLD"
case $1 in
    venv)
        mkdir -p .venv/bin
        printf '#!/bin/sh\\nif [ "$1" = -c ]; then exit 0; fi\\necho "$PWD|$GLASSBOX_HOME|$*"\\n' \
            > .venv/bin/python
        chmod +x .venv/bin/python ;;
    pip) sleep 0.2 ;;
esac
"""


class Copy:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "a b" / "repo"
        self.root.mkdir(parents=True)
        for name in ("glassbox", "requirements.lock", "requirements-dev.lock"):
            shutil.copy(ROOT / name, self.root / name)
        self.tools = folder / "tools"
        self.tools.mkdir()
        self.tool("uv", UV)
        self.tool("chromium", "#!/bin/sh\n")
        self.told = folder / "told"
        self.told.touch()

    def tool(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def command(self, script: Path | None = None, *words: str) -> list[str]:
        return ["/bin/sh", str(script or self.root / "glassbox"), *words]

    @property
    def environment(self) -> dict[str, str]:
        path = f"{self.tools}:{os.environ['PATH']}"
        return {"PATH": path, "TOLD": str(self.told), "GLASSBOX_HOME": "data"}

    def run(self, *words: str, script: Path | None = None, cwd: Path = Path("/")) -> str:
        done = subprocess.run(
            self.command(script, *words),
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def installs(self) -> list[str]:
        lines = self.told.read_text().splitlines()
        return [line.split()[-1] for line in lines if line.startswith("uv pip")]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path)


def test_it_installs_once_and_hands_over_with_every_argument(copy: Copy) -> None:
    assert copy.run("run", "my strategy").endswith("|-m backend.cli run my strategy")
    copy.run("status")
    assert copy.installs() == ["requirements.lock"]
    assert "--require-hashes" in copy.told.read_text()


def test_changed_locks_are_installed_again(copy: Copy) -> None:
    copy.run("status")
    with (copy.root / "requirements.lock").open("a") as lock:
        lock.write("# changed\n")
    copy.run("status")
    assert copy.installs() == ["requirements.lock"] * 2


def test_tests_need_the_development_lock_which_serves_the_rest_too(copy: Copy) -> None:
    copy.run("test", "-k", "x")
    copy.run("status")
    assert copy.installs() == ["requirements-dev.lock"]


def test_it_works_through_links_and_from_anywhere(copy: Copy, tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(copy.root / "glassbox")
    (tmp_path / "two").symlink_to("one")
    folder, home, _ = copy.run("status", script=tmp_path / "two", cwd=tmp_path).split("|")
    assert Path(folder) == copy.root
    # A relative data folder is the caller's, not the repository's.
    assert Path(home) == tmp_path / "data"


def test_two_at_once_install_once(copy: Copy) -> None:
    both = [
        subprocess.Popen(
            copy.command(None, "status"),
            env=copy.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]
    assert [one.wait(60) for one in both] == [0, 0]
    assert len(copy.installs()) == 1


def test_without_a_fitting_python_it_says_what_to_install(copy: Copy) -> None:
    for name in ("python3.11", "python3.12", "python3"):
        copy.tool(name, "#!/bin/sh\nexit 1\n")
    script = (copy.root / "glassbox").read_text()
    (copy.root / "glassbox").write_text(script.replace("/usr/bin/python3", "/nowhere/python3"))
    done = subprocess.run(
        copy.command(None, "up"), env=copy.environment, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "apt-get install python3.11 python3.11-venv" in done.stderr
