"""
The pages as a person meets them: a real web process on loopback, a worker beside it, and Debian's
Chromium. Whatever a page logs, requests elsewhere or is refused by its policy fails the test.

Loaded as a pytest plugin by `tests/conftest.py`.
"""

import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, Request, sync_playwright
from sqlalchemy import select

from backend.app import create_app
from backend.charts import Renderer
from backend.charts.browser import find_chromium
from backend.core.database import transaction
from backend.executions.models import Execution, Status
from backend.strategies import prompts
from tests.support.live_engine import Engine, read
from tests.support.web_client import sign_in

# Chromium's own errands would knock at a network that tests must not need.
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)
# Chromium writes a line of its own for every answer of 400 and more; tests provoke those, and
# those of a gateway that is away.
ANSWERED = re.compile(
    r"Failed to load resource: the server responded with a status of (4\d\d|50[23])"
)
WIDE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass(frozen=True)
class Site:
    """`url` has no slash at its end. Executions that are started run at once, on a thread."""

    url: str
    engine: Engine

    def run(self, document: dict[str, Any] | None = None) -> Execution:
        """Save a strategy, start it for its first symbol, and wait until it has ended."""
        execution_id = self.engine.start(self.engine.save(document))[0]
        return self.wait(execution_id)

    def wait(self, execution_id: int) -> Execution:
        deadline = time.monotonic() + 60
        while True:
            execution, _ = read(execution_id)
            if execution.status is Status.FINISHED:
                return execution
            assert time.monotonic() < deadline, f"Execution {execution_id} does not end."
            time.sleep(0.05)


@dataclass
class Complaints:
    """What went wrong in a page without anybody clicking on it."""

    origin: str
    heard: list[str] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        context.on("weberror", lambda error: self.heard.append(f"error: {error.error}"))
        context.on("console", lambda message: self._hear(message.type, message.text))
        context.on("request", self._look)

    def _hear(self, kind: str, text: str) -> None:
        # A refusal by the content security policy is one of these, too.
        if kind in ("error", "warning") and not ANSWERED.match(text):
            self.heard.append(f"console: {text}")

    def _look(self, request: Request) -> None:
        if not request.url.startswith((self.origin, "data:", "blob:")):
            self.heard.append(f"left the machine: {request.url}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def renderer() -> Iterator[Renderer]:
    """The Chromium that draws what the model sees."""
    made = Renderer()
    yield made
    made.close()


@pytest.fixture
def site(engine: Engine, renderer: Renderer) -> Iterator[Site]:
    engine = replace(engine, tools=replace(engine.tools, renderer=renderer))
    with transaction() as session:
        prompts.add_defaults(session, engine.clock)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        config = uvicorn.Config(
            create_app(lambda: engine.tools), log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        serving = threading.Thread(target=server.run, args=([listener],), daemon=True)
        stop = threading.Event()
        working = threading.Thread(target=_work, args=(engine, stop), daemon=True)
        serving.start()
        working.start()
        yield Site(f"http://127.0.0.1:{port}", engine)
        stop.set()
        working.join(30)
        server.should_exit = True
        serving.join(30)


def _work(engine: Engine, stop: threading.Event) -> None:
    """A worker that looks into the database instead of the queue."""
    executor = engine.executor
    while not stop.wait(0.05):
        with transaction() as session:
            waiting = session.scalars(
                select(Execution.id).where(Execution.status == Status.QUEUED).limit(1)
            ).first()
        if waiting is not None:
            executor.run(waiting)


def open_page(chromium: Browser, site: Site, **options: object) -> Iterator[Page]:
    """A signed-in page; at its end, nothing may have been complained of."""
    context = chromium.new_context(base_url=site.url, **options)  # type: ignore[arg-type]
    context.set_default_timeout(15_000)
    complaints = Complaints(site.url)
    complaints.listen(context)
    name, value = sign_in(site.engine.clock).cookie
    context.add_cookies([{"name": name, "value": value, "url": site.url}])
    yield context.new_page()
    context.close()
    assert not complaints.heard


@pytest.fixture
def page(chromium: Browser, site: Site) -> Iterator[Page]:
    yield from open_page(chromium, site, viewport=WIDE)


@pytest.fixture
def phone(chromium: Browser, site: Site) -> Iterator[Page]:
    yield from open_page(chromium, site, viewport=PHONE, is_mobile=True, has_touch=True)


@pytest.fixture
def dark_page(chromium: Browser, site: Site) -> Iterator[Page]:
    yield from open_page(chromium, site, viewport=WIDE, color_scheme="dark")
