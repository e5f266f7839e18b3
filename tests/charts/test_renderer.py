"""On a real Chromium; without one these fail and say how to get it."""

import os
import signal
import socketserver
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest

from backend.charts import ChartInput, Renderer, figure, figure_json
from backend.core.errors import OutsideError

ROOT = Path(__file__).parents[2]


def small(color: str) -> bytes:
    return orjson.dumps(
        {"data": [{"type": "bar", "y": [1, 2], "marker": {"color": color}}], "layout": {}}
    )


def size(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    return width, height


def browsers_of(pid: int) -> list[psutil.Process]:
    return [p for p in psutil.Process(pid).children(recursive=True) if "chrom" in p.name()]


def eventually(is_so: Callable[[], bool], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if is_so():
            return True
        time.sleep(0.05)
    return is_so()


def test_a_chart_becomes_a_picture_of_the_asked_size(renderer: Renderer, chart: ChartInput) -> None:
    png = renderer.png(figure_json(figure(chart)))
    assert size(png) == (1_200, 900)
    assert len(png) > 50_000


def test_the_same_figure_gives_the_same_picture_whatever_was_drawn_before(
    renderer: Renderer, chart: ChartInput
) -> None:
    data = figure_json(figure(chart))
    first = renderer.png(data)
    other = renderer.png(small("red"), width=640, height=480)
    assert size(other) == (640, 480)
    assert renderer.png(data) == first
    assert renderer.png(small("blue"), width=640, height=480) != other


def test_many_threads_share_one_browser_and_each_gets_its_own_picture(renderer: Renderer) -> None:
    colors = ["red", "green", "blue", "orange"]
    alone = {color: renderer.png(small(color), width=300, height=200) for color in colors}
    before = {process.pid for process in browsers_of(os.getpid())}
    with ThreadPoolExecutor(4) as pool:
        wanted = colors * 3
        pictures = list(pool.map(lambda c: renderer.png(small(c), width=300, height=200), wanted))
    assert pictures == [alone[color] for color in wanted]
    assert {process.pid for process in browsers_of(os.getpid())} == before


def test_a_browser_that_was_killed_is_replaced_and_the_picture_drawn(renderer: Renderer) -> None:
    first = renderer.png(small("red"))
    for process in browsers_of(os.getpid()):
        process.kill()
    assert renderer.png(small("red")) == first


def test_a_figure_that_plotly_cannot_draw_is_refused_and_the_browser_goes_on(
    renderer: Renderer,
) -> None:
    before = {process.pid for process in browsers_of(os.getpid())}
    with pytest.raises(OutsideError) as caught:
        renderer.png(b'{"data": 5, "layout": {"xaxis": {"type": "category", "categoryarray": 5}')
    assert caught.value.code == "figure_refused"
    assert size(renderer.png(small("red"))) == (1_200, 900)
    assert {process.pid for process in browsers_of(os.getpid())} >= before


def test_a_frozen_browser_is_given_up_in_time_and_the_next_picture_is_drawn() -> None:
    renderer = Renderer(seconds_per_picture=2)
    try:
        renderer.png(small("red"))
        mine = browsers_of(os.getpid())
        newest = max(mine, key=lambda process: process.create_time())
        group = os.getpgid(newest.pid)
        os.killpg(group, signal.SIGSTOP)
        with pytest.raises(OutsideError, match="not drawn within 2 s") as caught:
            renderer.png(small("red"))
        assert caught.value.code == "renderer_down"
        assert eventually(lambda: not _alive(group))
        assert size(renderer.png(small("red"))) == (1_200, 900)
    finally:
        renderer.close()


def _alive(group: int) -> bool:
    return any(
        os.getpgid(process.pid) == group
        for process in browsers_of(os.getpid())
        if process.status() != psutil.STATUS_ZOMBIE
    )


def test_without_chromium_the_error_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "nothing"))
    with pytest.raises(OutsideError, match="BROWSER_PATH") as caught:
        Renderer().warm_up()
    assert caught.value.code == "renderer_down"


def test_a_browser_that_cannot_start_is_an_error_and_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "chromium"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("BROWSER_PATH", str(broken))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    with pytest.raises(OutsideError) as caught:
        Renderer().warm_up()
    assert caught.value.code == "renderer_down"
    assert list((tmp_path / "scratch").iterdir()) == []


def test_nothing_on_the_page_reaches_a_network(renderer: Renderer) -> None:
    """Also not where a figure asks for it: a server on loopback waits in vain."""
    visits: list[Any] = []

    class Note(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            visits.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), Note) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        source = f"http://127.0.0.1:{server.server_address[1]}/logo.png"
        image = {
            "source": source,
            "x": 0,
            "y": 1,
            "sizex": 1,
            "sizey": 1,
            "xref": "paper",
            "yref": "paper",
        }
        renderer.png(orjson.dumps({"data": [], "layout": {"images": [image]}}))
        renderer.png(small("red"))
        server.shutdown()
    assert visits == []


CHILD = """
import sys
from backend.charts import Renderer
renderer = Renderer()
renderer.png(b'{"data": [], "layout": {}}')
print("drawn", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Chromium keeps sockets in TMPDIR, and a socket's path has 107 bytes at most."""
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def test_the_browser_dies_with_a_worker_that_is_killed_and_its_files_go_with_the_next_start(
    short_folder: Path,
) -> None:
    environment = {**os.environ, "TMPDIR": str(short_folder)}
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=ROOT, env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stdin is not None
    with child.stdin, child.stdout:
        assert child.stdout.readline() == b"drawn\n"
        descendants = psutil.Process(child.pid).children(recursive=True)
        assert [process for process in descendants if "chrom" in process.name()]
        child.send_signal(signal.SIGKILL)
        child.wait()
        _, alive = psutil.wait_procs(descendants, timeout=20)
    assert alive == []
    left = [path for path in short_folder.iterdir() if path.name.startswith("glassbox-charts-")]
    assert left
    again = subprocess.run(
        [sys.executable, "-c", CHILD], cwd=ROOT, env=environment, input=b"", capture_output=True
    )
    assert again.returncode == 0, again.stderr.decode()
    assert [path for path in short_folder.iterdir() if path.name.startswith("glassbox-")] == []
