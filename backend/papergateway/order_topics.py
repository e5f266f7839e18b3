"""The topics sor, str and spl: orders, executions, profit and loss as they happen."""

from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

from backend.papergateway import notifications, order_rows, trade_rows
from backend.papergateway.accounts import pnl_rows
from backend.papergateway.answers import is_true
from backend.papergateway.days import days_began
from backend.papergateway.subscriptions import Client, Command, OrderFeed, PnlFeed, TradeFeed
from backend.papergateway.trading.orders import Order
from backend.papergateway.world import World

PNL_EVERY_MS = 1_000
FRAME_ROWS = 100
"""Rows of one frame at most; more follow in the next."""


async def feed(client: Client) -> None:
    await _feed_orders(client)
    await _feed_trades(client)
    await _feed_pnl(client)
    await _feed_prompts(client)


async def _feed_prompts(client: Client) -> None:
    """Nobody has to subscribe to notifications."""
    prompts, heard = client.world.conversations.prompts, client.subscriptions.prompts_heard
    client.subscriptions.prompts_heard = len(prompts)
    for prompt in prompts[heard:]:
        await client.send({"topic": "ntf", "args": [notifications.pushed(prompt)]})


async def _subscribe_orders(client: Client, command: Command) -> None:
    """Today's orders in full first; filters name the only states that are told."""
    world, filters = client.world, command.options.get("filters")
    wanted = {_plain(each) for each in filters} if isinstance(filters, list) else set()
    listening = OrderFeed(client.world.desk.changes, wanted)
    client.subscriptions.orders = listening
    if world.account.are_orders_muted:
        return
    rows = [_row(world, order) for order in todays(world) if listening.wants(order)]
    listening.sent = {row["orderId"]: row for row in rows}
    await client.send({"topic": "sor", "args": rows})


def _plain(name: object) -> str:
    """`PreSubmitted` and `pre_submitted` are the same."""
    return str(name).replace("_", "").lower()


def todays(world: World) -> list[Order]:
    """Working orders, and those that ended today in New York; newest last."""
    since_ms = days_began(world.now())
    orders = world.desk.state.orders.values()
    return [each for each in orders if not each.status.is_done or each.changed_ms >= since_ms]


def _row(world: World, order: Order) -> dict[str, Any]:
    return order_rows.live(world.market.instruments[order.conid], order)


async def _feed_orders(client: Client) -> None:
    """Each change in its turn, and of it only what is new."""
    listening, world = client.subscriptions.orders, client.world
    if listening is None or listening.heard == world.desk.changes:
        return
    missed = min(world.desk.changes - listening.heard, len(world.desk.news))
    listening.heard = world.desk.changes
    if world.account.are_orders_muted:
        return
    news = reversed(list(islice(reversed(world.desk.news), missed)))
    wanted = (order for order in news if listening.wants(order))
    rows = [row for order in wanted if (row := _delta(world, listening, order))]
    for start in range(0, len(rows), FRAME_ROWS):
        await client.send({"topic": "sor", "args": rows[start : start + FRAME_ROWS]})


def _delta(world: World, listening: OrderFeed, order: Order) -> dict[str, Any] | None:
    row = _row(world, order)
    before = listening.sent.get(order.id)
    listening.sent[order.id] = row
    if before is None:
        return row
    changed = {name: value for name, value in row.items() if before.get(name) != value}
    identity = {name: row[name] for name in order_rows.IDENTITY}
    return {**identity, **changed} if changed else None


async def _unsubscribe_orders(client: Client, command: Command) -> None:
    """Not acknowledged, like the other two."""
    client.subscriptions.orders = None


async def _subscribe_trades(client: Client, command: Command) -> None:
    """Replays the executions of some days unless only new ones are wanted."""
    world, fills = client.world, client.world.desk.state.fills
    listening = TradeFeed(len(fills))
    client.subscriptions.trades = listening
    replayed = []
    if not is_true(str(command.options.get("realtimeUpdatesOnly", ""))):
        days = command.options.get("days", 1)
        since_ms = days_began(world.now(), days if isinstance(days, int) else 1)
        replayed = [fill for fill in fills if fill.at_ms >= since_ms]
    listening.untold = [fill for fill in replayed if fill.told_ms > world.desk.now_ms]
    rows = [trade_rows.streamed(world.desk, fill) for fill in replayed]
    await client.send({"topic": "str", "args": rows})


async def _feed_trades(client: Client) -> None:
    """A new execution at once; the same again when its commission is known."""
    listening, desk = client.subscriptions.trades, client.world.desk
    if listening is None:
        return
    told = [fill for fill in listening.untold if fill.told_ms <= desk.now_ms]
    new = desk.state.fills[listening.heard :]
    if not told and not new:
        return
    listening.heard = len(desk.state.fills)
    waiting = [*listening.untold, *new]
    listening.untold = [fill for fill in waiting if fill.told_ms > desk.now_ms]
    rows = [trade_rows.streamed(desk, fill) for fill in (*told, *new)]
    for start in range(0, len(rows), FRAME_ROWS):
        await client.send({"topic": "str", "args": rows[start : start + FRAME_ROWS]})


async def _unsubscribe_trades(client: Client, command: Command) -> None:
    client.subscriptions.trades = None


async def _subscribe_pnl(client: Client, command: Command) -> None:
    rows = pnl_rows(client.world)
    client.subscriptions.pnl = PnlFeed(rows, client.world.now_ms() + PNL_EVERY_MS)
    await client.send({"topic": "spl", "args": rows})


async def _feed_pnl(client: Client) -> None:
    """About once a second while it changes; what is flat is silent."""
    listening, now_ms = client.subscriptions.pnl, client.world.now_ms()
    if listening is None or now_ms < listening.next_ms:
        return
    listening.next_ms = now_ms + PNL_EVERY_MS
    rows = pnl_rows(client.world)
    if rows != listening.sent:
        listening.sent = rows
        await client.send({"topic": "spl", "args": rows})


async def _unsubscribe_pnl(client: Client, command: Command) -> None:
    client.subscriptions.pnl = None


ACTIONS: dict[str, Callable[[Client, Command], Awaitable[None]]] = {
    "sor": _subscribe_orders,
    "uor": _unsubscribe_orders,
    "str": _subscribe_trades,
    "utr": _unsubscribe_trades,
    "spl": _subscribe_pnl,
    "upl": _unsubscribe_pnl,
}
