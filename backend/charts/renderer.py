"""Figures to PNG through the one browser of this process."""

import atexit
from threading import Lock
from typing import TYPE_CHECKING

from backend.charts.base import HEIGHT, WIDTH, BadFigure
from backend.core.errors import AppError, OutsideError
from backend.core.logging import get_logger

if TYPE_CHECKING:
    from backend.charts.browser import Browser

log = get_logger(__name__)


class Renderer:
    """
    For any number of threads: pictures are drawn one at a time, by a browser that starts with the
    first of them, or with `warm_up`, and is replaced once where it died.
    """

    def __init__(self, *, seconds_per_picture: float = 30.0) -> None:
        self._seconds = seconds_per_picture
        self._browser: Browser | None = None
        self._turn = Lock()

    def warm_up(self) -> None:
        """Start the browser now, which takes about three seconds. Raises as `png` does."""
        with self._turn:
            self._running()

    def png(self, figure: bytes, *, width: int = WIDTH, height: int = HEIGHT) -> bytes:
        """
        The picture of a figure in JSON, `width` by `height` pixels.

        Raises `OutsideError`: code `renderer_down` when there is no Chromium, when it cannot be
        kept alive or takes too long, and `figure_refused` when Plotly cannot draw the figure.
        """
        with self._turn:
            try:
                return self._draw(figure, width, height)
            except AppError:
                raise
            except Exception as error:
                # A dying browser fails in many ways; whether a new one can draw it is the answer.
                log.warning("chart_browser_restarted", error=repr(error))
            try:
                return self._draw(figure, width, height)
            except Exception as error:
                raise _down(error) from error

    def close(self) -> None:
        """Stop the browser; the next picture would start another."""
        with self._turn:
            self._drop()

    def _draw(self, figure: bytes, width: int, height: int) -> bytes:
        browser = self._running()
        try:
            return browser.draw(figure, width=width, height=height, seconds=self._seconds)
        except BadFigure as error:
            raise OutsideError(
                f"Plotly cannot draw this figure: {error}", code="figure_refused"
            ) from error
        except TimeoutError as error:
            self._drop()
            raise OutsideError(
                f"A chart was not drawn within {self._seconds:g} s; its browser was stopped and"
                " the next chart gets a new one.",
                code="renderer_down",
            ) from error
        except BaseException:
            self._drop()
            raise

    def _running(self) -> "Browser":
        if self._browser is None:
            self._browser = _started()
            atexit.register(self.close)
        return self._browser

    def _drop(self) -> None:
        if self._browser is not None:
            atexit.unregister(self.close)
            self._browser.close()
            self._browser = None


def _started() -> "Browser":
    # Half a second of imports that a process which never draws need not pay.
    from backend.charts.browser import Browser

    try:
        return Browser()
    except AppError:
        raise
    except Exception as error:
        raise _down(error) from error


def _down(error: BaseException) -> AppError:
    if isinstance(error, AppError):
        return error
    return OutsideError(
        f"Chromium cannot be kept running to draw charts ({error!r}). Start it by hand to see why:"
        " chromium --headless --no-sandbox --screenshot about:blank",
        code="renderer_down",
    )
