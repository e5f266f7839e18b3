"""The standard chart to PNG: our renderer beside Kaleido's own server and a browser per call."""

import asyncio
from collections.abc import Coroutine
from datetime import UTC, datetime
from threading import Thread
from time import perf_counter
from typing import Any

import kaleido
import orjson

from backend import indicators
from backend.charts import ChartInput, Renderer, Series, figure, figure_json
from backend.core.values import Bars
from benchmarks.indicators import apple, interleaved

ROUNDS = 12
COLD_ROUNDS = 2
STANDARD = ("sma_20", "sma_50", "bollinger_20_2", "supertrend_10_3", "rsi_14", "macd_12_26_9")


def run() -> list[dict[str, Any]]:
    """
    Medians in milliseconds for 500 candles with volume, two SMA, Bollinger, SuperTrend, RSI and
    MACD in 1200 x 900; Kaleido draws the very same figure.
    """
    chart = standard_chart(apple(600))
    data = figure_json(figure(chart))
    plain = orjson.loads(data)
    ours = Renderer()
    kaleidos = _Kaleido()
    try:
        begun = perf_counter()
        ours.warm_up()
        start = perf_counter() - begun
        interleaved(2, lambda: ours.png(data), lambda: kaleidos.png(plain))
        warm, server = interleaved(ROUNDS, lambda: ours.png(data), lambda: kaleidos.png(plain))
    finally:
        ours.close()
        kaleidos.close()
    (cold,) = interleaved(COLD_ROUNDS, lambda: kaleido.calc_fig_sync(plain))
    building, writing = interleaved(20, lambda: figure(chart), lambda: figure_json(plain))
    return [
        _row("PNG, warm", warm, beside="Kaleido's server, the same figure", peer=server),
        _row("PNG, warm", warm, beside="Kaleido, a browser per call", peer=cold),
        _row("browser start, once per worker", start),
        _row("figure from bars and series", building),
        _row("figure to JSON", writing),
    ]


def standard_chart(bars: Bars) -> ChartInput:
    specs = [indicators.parse(text) for text in STANDARD]
    values = indicators.compute(bars, specs)
    drawn = [series for spec in specs for series in indicators.describe(spec)]
    return ChartInput(
        symbol="AAPL",
        bars=bars,
        as_of=datetime(2013, 3, 1, 21, tzinfo=UTC),
        is_simulated=True,
        series=tuple(
            Series(
                label=one.label,
                title=one.title,
                group=one.group,
                values=values[one.label],
                style=one.style,
                is_overlay=one.is_overlay,
                levels=one.levels,
            )
            for one in drawn
        ),
        visible=500,
    )


class _Kaleido:
    """Kaleido 1.5 as it comes: one browser that stays, one tab, `calc_fig`."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._kaleido = kaleido.Kaleido(n=1, mathjax=False)
        self._wait(self._kaleido.open())

    def png(self, figure: dict[str, Any]) -> bytes:
        return bytes(self._wait(self._kaleido.calc_fig(figure)))

    def close(self) -> None:
        self._wait(self._kaleido.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _wait(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(120)


def _row(name: str, ours: float, *, beside: str = "", peer: float | None = None) -> dict[str, Any]:
    row: dict[str, Any] = {"benchmark": name, "ours_ms": round(ours * 1e3, 1)}
    if peer is not None:
        row |= {"beside": beside, "peer_ms": round(peer * 1e3, 1), "ratio": round(ours / peer, 2)}
    return row
