"""The Dockerfiles against their linter, and against the steps of the script `glassbox`."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILES = sorted((ROOT / "docker").glob("*Dockerfile"))


def tool(name: str) -> str:
    path = shutil.which(name, path=Path(sys.executable).parent)
    assert path, f"{name} is a development dependency"
    return path


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_the_linter_finds_nothing(file: Path) -> None:
    done = subprocess.run([tool("hadolint"), file], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda file: file.name)
def test_what_is_copied_exists_and_is_let_through(file: Path) -> None:
    ignore = file.with_name(f"{file.name}.dockerignore")
    let_through = ignore.read_text() if ignore.exists() else ""
    for line in file.read_text().splitlines():
        if line.startswith("COPY ") and "--from=" not in line:
            sources = [word for word in line.split()[1:-1] if not word.startswith("--")]
            for source in sources:
                assert (ROOT / source).exists(), source
                assert any(
                    f"!{place}" in let_through for place in (source, str(Path(source).parent))
                )


def test_the_image_is_made_from_the_lock_that_the_script_installs() -> None:
    image = (ROOT / "docker/Dockerfile").read_text()
    script = (ROOT / "glassbox").read_text()
    for part in ("requirements.lock", "--require-hashes", "chromium fonts-liberation"):
        assert part in image
        assert part in script


@pytest.mark.parametrize("script", ["glassbox", ".ci/run", "docker/gateway/start.sh"])
def test_the_shell_scripts_are_clean(script: str) -> None:
    done = subprocess.run([tool("shellcheck"), ROOT / script], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert (ROOT / script).stat().st_mode & 0o111
