"""
Takes the pictures of README.md from a running stack: `.venv/bin/python docs/screenshots.py`.

Runs the first strategy, replays that execution with one word of a prompt changed, and photographs
terminal and pages with the Chromium that also draws the charts. Let a strategy trade before, so
that the journal has something to show. Needs the development packages, which
`./glassbox test` installs.
"""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from backend.charts.browser import find_chromium  # noqa: E402
from backend.core.settings import settings  # noqa: E402
from backend.embedded.stack_file import StackFile  # noqa: E402

COLUMNS = 100
TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 20px 24px; background: #11151a; color: #d7dde4 }}
pre {{ margin: 0; font: 14px/1.45 "Liberation Mono", monospace }}
</style><pre>{code}</pre>"""
INTO_VIEW = "element => element.scrollIntoView({block: 'center'})"
PATIENCE = 60_000
SETTLE = 1_500
"""Milliseconds for what comes in by itself; a page that follows events is never idle."""


def main() -> None:
    if StackFile(settings().home.absolute()).read() is None:
        sys.exit("Glassbox does not run. Start it with: ./glassbox up --detach")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        execution_id = _terminal(browser)
        page = _signed_in(browser)
        _photograph(page, "overview", "/", height=960)
        _photograph(page, "lineage", f"/executions/{execution_id}", height=1180, act=_chart)
        _photograph(page, "editor", "/strategies/new?template=trend#charts", act=_preview)
        _photograph(page, "compare", f"/executions/{execution_id}/replay", act=_replay)
        _photograph(page, "decisions", "/decisions", height=1180)
        _photograph(page, "journal", "/journal?state=closed", height=1180, act=_newest_trip)
        browser.close()


def _terminal(browser: Browser) -> str:
    """What `glassbox run` says; returns the number of the execution."""
    command = ["./glassbox", "run", "1"]
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    said = done.stdout + done.stderr
    found = re.search(r"Execution (\d+)", Text.from_ansi(said).plain)
    if found is None:
        sys.exit(said)
    page = browser.new_page(viewport={"width": 900, "height": 100})
    prompt = f"$ {' '.join(command)}\n"
    page.set_content(TERMINAL.format(code=_to_html(prompt + said)))
    _keep(page, "terminal", full_page=True)
    return found[1]


def _to_html(ansi: str) -> str:
    console = Console(width=COLUMNS, record=True, file=io.StringIO())
    console.print(Text.from_ansi(ansi))
    return console.export_html(inline_styles=True, code_format="{code}")


def _signed_in(browser: Browser) -> Page:
    done = subprocess.run(
        ["./glassbox", "link"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    link = done.stdout.strip()
    page = browser.new_page(base_url=link.partition("/sign-in")[0])
    page.goto(link)
    page.wait_for_url(re.compile(r"/(\?.*)?$"))
    return page


def _photograph(
    page: Page,
    name: str,
    path: str,
    *,
    height: int = 1000,
    act: Callable[[Page], None] | None = None,
) -> None:
    page.set_viewport_size({"width": 1280, "height": height})
    page.goto(path)
    page.wait_for_timeout(SETTLE)
    if act is not None:
        act(page)
    _keep(page, name)


def _chart(page: Page) -> None:
    page.locator(".js-plotly-plot").first.wait_for(timeout=PATIENCE)


def _preview(page: Page) -> None:
    page.get_by_role("button", name="Show the charts as the model will see them").click()
    picture = page.get_by_role("img", name=re.compile("as the model will see it")).first
    picture.wait_for(timeout=PATIENCE)
    picture.evaluate(INTO_VIEW)


def _newest_trip(page: Page) -> None:
    page.get_by_role("table").last.get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/journal/\d+$"))


def _replay(page: Page) -> None:
    """One word of the chart's prompt: "Judge the" becomes "Judge only the"."""
    text = page.locator("#prompt-chart").get_by_label("Text")
    text.fill(text.input_value().replace("Judge the", "Judge only the", 1))
    page.get_by_role("button", name="Replay").click()
    page.locator("#verdict").get_by_text("They part").wait_for(timeout=PATIENCE)
    page.wait_for_timeout(SETTLE)
    page.locator("#analyze_charts ins").first.evaluate(INTO_VIEW)


def _keep(page: Page, name: str, *, full_page: bool = False) -> None:
    target = ROOT / "docs" / f"{name}.png"
    page.screenshot(path=target, full_page=full_page)
    sys.stdout.write(f"{target.relative_to(ROOT)}: {target.stat().st_size / 1000:.0f} KB\n")


if __name__ == "__main__":
    main()
