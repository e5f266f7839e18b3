"""One running Chromium with Plotly's page in it, driven over Kaleido's DevTools pipe."""

import asyncio
import base64
import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import kaleido
import plotly
import psutil
from choreographer.browsers.chromium import Chromium

from backend.charts.base import BadFigure
from backend.core.errors import OutsideError
from backend.core.logging import get_logger

T = TypeVar("T")

log = get_logger(__name__)
# They tell every step of a start and a stop, and the browser its own affairs.
for chatty in ("kaleido", "choreographer", "browser_proc"):
    logging.getLogger(chatty).setLevel(logging.WARNING)

START_SECONDS = 60.0
STOP_SECONDS = 5.0
PLOTLY_JS = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
FOLDER = "glassbox-charts-"

# Nothing on the page needs a network, and nothing the browser does by itself shall find one.
NO_NETWORK = "127.0.0.1:9"

DRAW = """
async function draw(text, width, height) {
  const figure = JSON.parse(text);
  let place = document.getElementById("chart");
  if (!place) {
    place = document.body.appendChild(document.createElement("div"));
    place.id = "chart";
    place.style = "position: absolute; left: 0; top: 0";
  }
  const layout = {...figure.layout, width, height};
  await Plotly.newPlot(place, figure.data, layout, {staticPlot: true, responsive: false});
}
"""


class Browser:
    """
    Starts at once, on a thread and an event loop of its own, and stays until closed.

    Draws into the visible page and takes a screenshot: half the time of Kaleido's `calc_fig`,
    which draws, writes SVG, draws that on a canvas and then loads the page anew. The pipe is the
    browser's life line: Chromium leaves when it is cut, also by a SIGKILL of this process.
    """

    def __init__(self) -> None:
        self._folder = _own_folder()
        self._size = (0, 0)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=_run, args=(self._loop,), name="chart-browser", daemon=True)
        self._thread.start()
        self._kaleido: Any = None
        try:
            self._page, self._tab = self._wait(self._open(find_chromium()), START_SECONDS)
        except BaseException:
            self.close()
            raise

    def draw(self, figure: bytes, *, width: int, height: int, seconds: float) -> bytes:
        """
        PNG bytes. Raises `BadFigure`, `TimeoutError`, or whatever a dying browser causes; after
        either of the last two this object is of no more use.
        """
        try:
            return self._wait(self._draw(figure.decode(), width, height), seconds)
        except TimeoutError:
            # It would not listen to a polite request either.
            _kill_group(self._kaleido.subprocess)
            raise

    def close(self) -> None:
        """Stop the browser, by force where it does not listen, and remove its files."""
        if self._kaleido is not None:
            try:
                self._wait(self._kaleido.close(), STOP_SECONDS)
            except Exception as error:  # it may be dead or deaf already
                log.info("chart_browser_stopped_by_force", error=repr(error))
            _kill_group(getattr(self._kaleido, "subprocess", None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _wait(self, work: Coroutine[Any, Any, T], seconds: float) -> T:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(seconds)
        except TimeoutError:
            future.cancel()
            raise

    async def _open(self, chromium: str) -> tuple[str, Any]:
        page = self._folder / "index.html"
        page.write_text(
            kaleido.PageGenerator(plotly=PLOTLY_JS.as_uri(), mathjax=False).generate_index()
        )
        self._kaleido = kaleido.Kaleido(
            path=chromium,
            page_generator=page,
            tmp_dir=str(self._folder),
            proxy_server=NO_NETWORK,
        )
        await self._kaleido.open()
        tab = self._kaleido.get_tab()
        await _ask(tab, "Network.enable")
        await _ask(
            tab, "Network.setBlockedURLs", urls=["http://*", "https://*", "ws://*", "wss://*"]
        )
        window = await _ask(tab, "Runtime.evaluate", expression="globalThis")
        return window["result"]["objectId"], tab

    async def _draw(self, figure: str, width: int, height: int) -> bytes:
        if self._size != (width, height):
            await _ask(
                self._tab,
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=1,
                mobile=False,
            )
            self._size = (width, height)
        drawn = await _ask(
            self._tab,
            "Runtime.callFunctionOn",
            functionDeclaration=DRAW,
            objectId=self._page,
            arguments=[{"value": value} for value in (figure, width, height)],
            awaitPromise=True,
        )
        if "exceptionDetails" in drawn:
            raise BadFigure(str(drawn["result"].get("description", drawn["result"])))
        # A fifth more bytes for half the time of writing the PNG.
        shot = await _ask(self._tab, "Page.captureScreenshot", format="png", optimizeForSpeed=True)
        return base64.b64decode(shot["data"])


def _run(loop: asyncio.AbstractEventLoop) -> None:
    """The loop's whole life; what still waits for the browser at its end waits in vain."""
    loop.run_forever()
    waiting = asyncio.all_tasks(loop)
    for task in waiting:
        task.cancel()
    if waiting:
        loop.run_until_complete(asyncio.wait(waiting, timeout=STOP_SECONDS))
    loop.close()


async def _ask(tab: Any, command: str, **params: Any) -> dict[str, Any]:
    answer = await tab.send_command(command, params=params)
    if "error" in answer:
        raise RuntimeError(f"Chromium refused {command}: {answer['error']}")
    return dict(answer["result"])


def find_chromium() -> str:
    """
    `BROWSER_PATH` where set, else Kaleido's own copy, else Chromium or a relative on the PATH.

    Raises `OutsideError`, code `renderer_down`, that says how to get one.
    """
    named = os.environ.get("BROWSER_PATH")
    path = named or Chromium.find_browser(skip_local=False)
    if path and Path(path).is_file():
        return str(path)
    if named:
        raise OutsideError(
            f"BROWSER_PATH is {named!r}, but no file is there. Point it to Chromium or unset it.",
            code="renderer_down",
        )
    raise OutsideError(
        "No Chromium was found, so charts cannot become pictures. Install it (on Debian:"
        " apt-get install chromium), or set BROWSER_PATH to a Chrome or Chromium elsewhere, or set"
        " CHARTS_PNG=false to go without pictures.",
        code="renderer_down",
    )


def _own_folder() -> Path:
    """For profile and page, named after its owner so that one left by a SIGKILL is swept up."""
    place = Path(tempfile.gettempdir())
    for folder in place.glob(f"{FOLDER}*"):
        owner = folder.name.removeprefix(FOLDER).split("-")[0]
        if owner.isdigit() and not psutil.pid_exists(int(owner)):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{FOLDER}{os.getpid()}-", dir=place))


def _kill_group(process: Any) -> None:
    """Kaleido makes the browser the leader of a session of its own: all its processes go."""
    if process is None:
        return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_SECONDS)
