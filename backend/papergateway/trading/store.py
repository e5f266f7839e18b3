"""
The account on disk, in SQLite: it outlives the process, however that ends.

Each command and each step in time is one transaction, committed before anybody hears of it. With
a write-ahead log and `synchronous=NORMAL` a killed process loses nothing; a power cut may lose
the last moments, never half of one.
"""

import sqlite3
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson

from backend.core.errors import Conflict
from backend.papergateway.trading.commissions import Plan
from backend.papergateway.trading.desk import Desk, State
from backend.papergateway.trading.ledger import Books, Fill, Position
from backend.papergateway.trading.orders import Kind, Order, Side, Status, Tif

VERSION = 1
WAIT_SECONDS = 1.0
"""For a gateway that is just ending."""
_TABLES = """
CREATE TABLE IF NOT EXISTS orders (id INTEGER PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS fills (number INTEGER PRIMARY KEY, document BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY CHECK (id = 1), document BLOB NOT NULL);
"""
_MONEY = {
    Order: ("paid", "commission"),
    Fill: ("price", "commission", "realised"),
    Position: ("cost", "fees", "realised_today"),
}


class Store:
    """One account's file. Raises `Conflict` when another gateway has it open."""

    def __init__(self, path: Path | None = None) -> None:
        """Without a path the account lives in memory, as for tests."""
        self._path = path
        self._kept_fills = 0
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._database = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, timeout=WAIT_SECONDS
        )
        try:
            self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.executescript(_TABLES)
        except sqlite3.OperationalError as error:
            self._database.close()
            raise Conflict(
                f"The paper account {path} cannot be opened: {error}. Stop the other gateway that"
                " keeps it, or give GLASSBOX_HOME another folder."
            ) from error

    def load(self) -> State | None:
        """The account as it was kept last, None where there is none yet."""
        row = self._database.execute("SELECT document FROM account").fetchone()
        if row is None:
            return None
        fills = self._rows("SELECT document FROM fills ORDER BY number")
        orders = self._rows("SELECT document FROM orders ORDER BY id")
        self._kept_fills = len(fills)
        return _state(
            orjson.loads(row[0]),
            {each["id"]: _order(each) for each in orders},
            [Fill(**_with_money(Fill, each)) for each in fills],
        )

    def _rows(self, query: str) -> list[dict[str, Any]]:
        return [orjson.loads(document) for (document,) in self._database.execute(query)]

    def keep(self, desk: Desk) -> None:
        """The account, its changed orders and its new executions, in one transaction."""
        state, fills = desk.state, desk.state.fills[self._kept_fills :]
        # A trail moves on without an event, but belongs to the moment that is written down.
        trails = {order.id for order in desk.working.values() if order.kind.trails}
        orders = [state.orders[key] for key in desk.changed | trails]
        first = self._kept_fills + 1
        database = self._database
        database.execute("BEGIN")
        database.executemany(
            "INSERT OR REPLACE INTO orders VALUES (?, ?)",
            [(order.id, _bytes(vars(order))) for order in orders],
        )
        database.executemany(
            "INSERT INTO fills VALUES (?, ?)",
            [(first + place, _bytes(vars(fill))) for place, fill in enumerate(fills)],
        )
        document = _bytes(_document(state))
        database.execute("INSERT OR REPLACE INTO account VALUES (1, ?)", (document,))
        database.execute("COMMIT")
        self._kept_fills = len(state.fills)
        desk.changed.clear()

    def clear(self) -> None:
        """Forget the account."""
        self._database.executescript(
            "BEGIN; DELETE FROM orders; DELETE FROM fills; DELETE FROM account; COMMIT;"
        )
        self._kept_fills = 0

    def close(self) -> None:
        self._database.close()


def _bytes(document: dict[str, Any]) -> bytes:
    return orjson.dumps(document, default=str, option=orjson.OPT_NON_STR_KEYS)


def _document(state: State) -> dict[str, Any]:
    plain = {name: value for name, value in vars(state).items() if name not in _APART}
    return {**plain, "version": VERSION, "books": asdict(state.books)}


_APART = {"orders", "fills", "books"}


def _state(document: dict[str, Any], orders: dict[int, Order], fills: list[Fill]) -> State:
    assert document.pop("version") == VERSION
    return State(
        **{
            **document,
            "day_equity": Decimal(document["day_equity"]),
            "plan": Plan(document["plan"]),
            "books": _books(document["books"]),
            "taken": {int(key): (at, shares) for key, (at, shares) in document["taken"].items()},
            "orders": orders,
            "fills": fills,
        }
    )


def _books(document: dict[str, Any]) -> Books:
    positions = (Position(**_with_money(Position, each)) for each in document["positions"].values())
    return Books(
        {name: Decimal(amount) for name, amount in document["accounts"].items()},
        {each.conid: each for each in positions},
        Decimal(document["realised_today"]),
    )


def _order(document: dict[str, Any]) -> Order:
    words = {"side": Side, "kind": Kind, "tif": Tif, "status": Status}
    read = {name: kind(document[name]) for name, kind in words.items()}
    return Order(**{**_with_money(Order, document), **read})


def _with_money(kind: type, document: dict[str, Any]) -> dict[str, Any]:
    return {**document, **{name: Decimal(document[name]) for name in _MONEY[kind]}}
