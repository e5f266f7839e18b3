"""
Takes the two pictures of README.md from a running stack: `.venv/bin/python docs/screenshots.py`.

Runs the strategy given as the only argument (the first one without it) and photographs the
terminal and the page of its execution with the Chromium that also draws the charts.
"""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402
from rich.text import Text  # noqa: E402

from backend.charts.browser import find_chromium  # noqa: E402
from backend.core.settings import settings  # noqa: E402
from backend.embedded.stack_file import StackFile  # noqa: E402

COLUMNS = 100
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 20px 24px; background: #11151a; color: #d7dde4 }}
pre {{ margin: 0; font: 14px/1.45 "Liberation Mono", monospace }}
</style><pre>{code}</pre>"""


def main() -> None:
    document = StackFile(settings().home.absolute()).read()
    if document is None:
        sys.exit("Glassbox does not run. Start it with: ./glassbox up --detach")
    command = ["./glassbox", "run", *(sys.argv[1:2] or ["1"])]
    said = _say(command)
    found = re.search(r"Execution (\d+)", Text.from_ansi(said).plain)
    if found is None:
        sys.exit(said)
    prompt = f"$ {' '.join(command)}\n"
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "terminal.html"
        page.write_text(PAGE.format(code=_to_html(prompt + said)))
        lines = len(said.splitlines()) + 1
        _photograph(page.as_uri(), "terminal", width=900, height=44 + round(lines * 20.3))
    _photograph(_signed_in_at(f"/executions/{found[1]}"), "lineage", width=1120, height=1180)


def _signed_in_at(path: str) -> str:
    """The address of a link that signs in by itself and goes on to the path."""
    done = subprocess.run(
        ["./glassbox", "link"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return f"{done.stdout.strip()}&next={quote(path, safe='')}"


def _say(command: list[str]) -> str:
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    return done.stdout + done.stderr


def _to_html(ansi: str) -> str:
    console = Console(width=COLUMNS, record=True, file=io.StringIO())
    console.print(Text.from_ansi(ansi))
    return console.export_html(inline_styles=True, code_format="{code}")


def _photograph(url: str, name: str, *, width: int, height: int) -> None:
    target = ROOT / "docs" / f"{name}.png"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(find_chromium(), "--headless", "--no-sandbox", "--disable-gpu"),
                *("--hide-scrollbars", "--no-first-run", "--disable-background-networking"),
                *(f"--user-data-dir={profile}", f"--window-size={width},{height}"),
                *("--virtual-time-budget=8000", f"--screenshot={target}", url),
            ],
            check=True,
            capture_output=True,
        )
    sys.stdout.write(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} KB\n")


if __name__ == "__main__":
    main()
