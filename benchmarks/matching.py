"""
Orders of the paper gateway: matched beside a bare search, streamed beside a bare socket.

The bare search finds in the same array of prices the second in which each limit is touched, and
does nothing else: no quote, no volume, no commission, no books. The bare socket sends the very
frames that the gateway sent, made beforehand.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from statistics import median
from time import perf_counter
from typing import Any

from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from backend.core.clock import to_ms
from backend.papergateway.prices import Market, Seconds
from backend.papergateway.running import running_gateway
from backend.papergateway.trading import placing, tickets
from backend.papergateway.trading.advance import advance
from backend.papergateway.trading.desk import Desk, opened

AAPL = 265598
MORNING = datetime(2026, 11, 18, 15, 30, tzinfo=UTC)
REST_OF_DAY_MS = 5 * 3_600_000
MATCHED, STREAMED = 200, 1_000
ROUNDS = 7


def run() -> list[dict[str, Any]]:
    """Microseconds per order matched and per update streamed, medians of rounds in turns."""
    market = Market(today=date(2026, 11, 21))
    rounds = [(*_match(market), _search(market)) for _ in range(ROUNDS)]
    placed = [(place, search) for place, _, search in rounds]
    matched = [(match, search) for _, match, search in rounds]
    streamed = [_stream() for _ in range(ROUNDS)]
    return [
        _row("a limit order, placed", "a bare search", placed, MATCHED, None),
        _row("a limit order, matched", "a bare search", matched, MATCHED, None),
        _row("an order update, streamed", "a bare socket", streamed, 2 * STREAMED, 1_000.0),
    ]


def _row(
    name: str, beside: str, rounds: list[tuple[float, float]], count: int, goal: float | None
) -> dict[str, Any]:
    ours, peer = (median(each) / count * 1e6 for each in zip(*rounds, strict=True))
    row = {
        "benchmark": f"{name}, one of {count:,}",
        "ours_us": round(ours, 1),
        "peer_us": round(peer, 1),
        "beside": beside,
        "ratio": round(ours / peer, 1),
    }
    return row if goal is None else {**row, "goal_us": goal}


def _limits(path: Seconds, index: int) -> list[int]:
    """Small limits below the market, spread over what the rest of the day reaches."""
    last = int(path.last[index])
    low = int(path.last[index:].min())
    return [last - 1 - (last - low) * number // MATCHED for number in range(MATCHED)]


def _begin(market: Market) -> tuple[Desk, list[int]]:
    desk = Desk(market, opened(to_ms(MORNING)))
    path = desk.path(AAPL, desk.phase())
    assert path is not None
    return desk, _limits(path, path.index(desk.now_ms))


def _buy(limit: int) -> tickets.Ticket:
    body = {"conid": AAPL, "side": "BUY", "orderType": "LMT", "tif": "DAY", "quantity": 1}
    return tickets.read({**body, "price": limit / 100})


def _match(market: Market) -> tuple[float, float]:
    """Seconds to place the orders, and seconds to live through the rest of the day."""
    desk, limits = _begin(market)
    bodies = [_buy(limit) for limit in limits]
    begun = perf_counter()
    for body in bodies:
        placing.place(desk, [body])
    placed = perf_counter()
    advance(desk, desk.now_ms + REST_OF_DAY_MS)
    ended = perf_counter()
    assert sum(order.filled for order in desk.state.orders.values()) > MATCHED * 0.95
    assert desk.state.books.balances()
    return placed - begun, ended - placed


def _search(market: Market) -> float:
    desk, limits = _begin(market)
    path = desk.path(AAPL, desk.phase())
    assert path is not None
    rest = path.last[path.index(desk.now_ms) :]
    begun = perf_counter()
    found = [int((rest <= limit).argmax()) for limit in limits]
    seconds = perf_counter() - begun
    assert len(found) == MATCHED
    return seconds


def _stream() -> tuple[float, float]:
    """From the wish to cancel everything until the last order is known to be cancelled."""
    with running_gateway(https=False, now=MORNING, paced=False) as gateway:
        desk = gateway.world.desk
        for number in range(STREAMED):
            placing.place(desk, [_buy(20_000 + number)])
        gateway.control.state()
        with connect(gateway.websocket_url, proxy=None, max_size=None) as socket:
            socket.send("sor")
            _receive(socket, STREAMED, "Submitted")
            for order in list(desk.working.values()):
                desk.request_cancel(order)
            begun = perf_counter()
            gateway.control.advance(1)
            frames = _receive(socket, STREAMED, "Cancelled")
            ours = perf_counter() - begun
    return ours, _bare(frames)


def _receive(socket: Any, count: int, status: str) -> list[str]:
    """Frames of orders until so many rows had this status."""
    frames: list[str] = []
    while count > 0:
        text = socket.recv(20)
        frame = json.loads(text)
        if frame.get("topic") == "sor":
            frames.append(text)
            count -= sum(row.get("status") == status for row in frame["args"])
    return frames


def _bare(frames: list[str]) -> float:
    with _server(frames) as port, connect(f"ws://127.0.0.1:{port}", proxy=None) as socket:
        begun = perf_counter()
        socket.send("go")
        for _ in frames:
            json.loads(socket.recv(20))
        return perf_counter() - begun


@contextmanager
def _server(frames: list[str]) -> Iterator[int]:
    """Sends `frames` to whoever says something."""

    def answer(connection: ServerConnection) -> None:
        for _ in connection:
            for frame in frames:
                connection.send(frame)

    with serve(answer, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1]
        finally:
            server.shutdown()
            thread.join()
