"""What can be subscribed to over the WebSocket, and what each topic pushes."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from backend.papergateway import bulletins, history, numbers, order_topics, quotes
from backend.papergateway.account import ACCOUNT
from backend.papergateway.answers import is_true
from backend.papergateway.marketdata import AVAILABILITY, MARKER
from backend.papergateway.periods import choose_bar, parse_period
from backend.papergateway.subscriptions import AccountFeed, Client, Command, Stream
from backend.papergateway.world import World

STREAM_LIFE = timedelta(minutes=15)
"""Then IBKR stops a market data stream without a word."""
ACCOUNT_EVERY_MS = 10_000
HISTORIES = 5
LADDER_ROWS = 21


async def obey(client: Client, command: Command) -> None:
    action = _ACTIONS.get(command.verb)
    if action is None:
        await client.send({"error": f"unknown topic: {command.verb}", "code": 1})
    elif command.verb == "tic" or client.world.session.is_established:
        await action(client, command)


async def feed(client: Client) -> None:
    """Everything that is due now."""
    await order_topics.feed(client)
    await _feed_streams(client)
    await _feed_accounts(client, client.subscriptions.summaries, "ssd", bulletins.summary_rows)
    await _feed_accounts(client, client.subscriptions.ledgers, "sld", bulletins.ledger_rows)
    for target in list(client.subscriptions.ladders):
        await _feed_ladder(client, target)


async def _tic(client: Client, command: Command) -> None:
    world = client.world
    stamp = {"alive": True, "id": world.session.id, "lastAccessed": world.now_ms()}
    await client.send({"topic": "tic", **stamp})


async def _subscribe_market_data(client: Client, command: Command) -> None:
    world, target = client.world, command.target
    conid = await _conid(client, target)
    if conid is None:
        return
    fields = _names(command.options.get("fields"))
    ends_at_ms = world.now_ms() + STREAM_LIFE // timedelta(milliseconds=1)
    known = world.streams.ask(conid, fields)
    stream = Stream(conid, fields, ends_at_ms)
    client.subscriptions.streams[target] = stream
    stream.sent = quotes.row(world.market, conid, sorted(known), world.now_ms())
    marks = {"6119": MARKER, "6509": AVAILABILITY}
    await client.send({**_stamp(world, target, conid), **marks, **stream.sent})


async def _unsubscribe_market_data(client: Client, command: Command) -> None:
    """Frees the line for everybody: the field set belongs to the contract, not to the client."""
    stream = client.subscriptions.streams.pop(command.target, None)
    if stream is not None:
        client.world.streams.stop(stream.conid)


def _stamp(world: World, target: str, conid: int) -> dict[str, Any]:
    return {
        "topic": f"smd+{target}",
        "conid": conid,
        "conidEx": target,
        "server_id": MARKER,
        "_updated": world.now_ms(),
    }


async def _feed_streams(client: Client) -> None:
    world, streams = client.world, client.subscriptions.streams
    for target, stream in list(streams.items()):
        if world.now_ms() >= stream.ends_at_ms:
            del streams[target]
            continue
        active = world.streams.fields(stream.conid).intersection(stream.fields)
        now = quotes.row(world.market, stream.conid, sorted(active), world.now_ms())
        changed = {name: value for name, value in now.items() if stream.sent.get(name) != value}
        if changed:
            stream.sent.update(changed)
            await client.send({**_stamp(world, target, stream.conid), **changed})


async def _subscribe_history(client: Client, command: Command) -> None:
    """Answers once; the place among five stays taken until it is given back."""
    world, options = client.world, command.options
    conid = await _conid(client, command.target)
    if conid is None:
        return
    if len(client.subscriptions.histories) >= HISTORIES:
        await client.send({"error": "too many historical data subscriptions", "code": 3})
        return
    period = parse_period(str(options.get("period", "")))
    question = history.Question(
        instrument=world.market.instruments[conid],
        period=period,
        bar=choose_bar(str(options.get("bar", "")), period),
        anchor_ms=world.now_ms(),
        outside_rth=is_true(str(options.get("outsideRth", ""))),
        source=str(options.get("source", "trades")).lower(),
    )
    document = history.answer(world, question)
    if document is None:
        await client.send({"topic": f"smh+{command.target}", "error": "No data."})
        return
    server_id = str(client.subscriptions.next_server_id)
    client.subscriptions.next_server_id += 1
    client.subscriptions.histories[server_id] = conid
    document = {name: document[name] for name in _HISTORY_KEYS}
    await client.send({"topic": f"smh+{command.target}", **document, "serverId": server_id})


_HISTORY_KEYS = (
    "serverId",
    "symbol",
    "text",
    "priceFactor",
    "startTime",
    "high",
    "low",
    "timePeriod",
    "barLength",
    "mdAvailability",
    "outsideRth",
    "volumeFactor",
    "messageVersion",
    "data",
    "points",
)


async def _unsubscribe_history(client: Client, command: Command) -> None:
    """By server id; a conid is understood, too, since an old ibind sends one."""
    open_ones, target = client.subscriptions.histories, command.target
    by_conid = [key for key, conid in open_ones.items() if str(conid) == target]
    server_id = target if target in open_ones or not by_conid else by_conid[0]
    open_ones.pop(server_id, None)
    await client.send({"message": f"Unsubscribed {server_id}"})


async def _subscribe_summary(client: Client, command: Command) -> None:
    if await _holds(client, command.target):
        client.subscriptions.summaries[command.target] = _account_feed(command)
        feeds = client.subscriptions.summaries
        await _feed_accounts(client, feeds, "ssd", bulletins.summary_rows)


async def _subscribe_ledger(client: Client, command: Command) -> None:
    if await _holds(client, command.target):
        client.subscriptions.ledgers[command.target] = _account_feed(command)
        feeds = client.subscriptions.ledgers
        await _feed_accounts(client, feeds, "sld", bulletins.ledger_rows)


def _account_feed(command: Command) -> AccountFeed:
    options = command.options
    return AccountFeed(_names(options.get("keys")), _names(options.get("fields")))


def _names(written: object) -> list[str]:
    """A list of texts, or nothing where something else was sent."""
    return [str(name) for name in written] if isinstance(written, list) else []


async def _feed_accounts(
    client: Client,
    feeds: dict[str, AccountFeed],
    topic: str,
    rows: Callable[[World], dict[str, dict[str, Any]]],
) -> None:
    for account, account_feed in list(feeds.items()):
        if client.world.now_ms() < account_feed.next_ms:
            continue
        account_feed.next_ms = client.world.now_ms() + ACCOUNT_EVERY_MS
        now = bulletins.choose(rows(client.world), account_feed.keys, account_feed.fields)
        seconds = client.world.now_seconds()
        result = bulletins.changes(account_feed.sent, now, seconds)
        account_feed.sent = now
        await client.send({"topic": f"{topic}+{account}", "result": result})


async def _unsubscribe_summary(client: Client, command: Command) -> None:
    client.subscriptions.summaries.pop(command.target, None)
    await client.send({"result": "unsubscribed from summary"})


async def _unsubscribe_ledger(client: Client, command: Command) -> None:
    client.subscriptions.ledgers.pop(command.target, None)
    await client.send({"result": "unsubscribed from ledger"})


async def _subscribe_ladder(client: Client, command: Command) -> None:
    account, *rest = command.targets or ("",)
    if not await _holds(client, account):
        return
    if await _conid(client, rest[0] if rest else "") is not None:
        client.subscriptions.ladders["+".join(command.targets)] = []
        await _feed_ladder(client, "+".join(command.targets))


async def _feed_ladder(client: Client, target: str) -> None:
    world = client.world
    rows = quotes.ladder(world.market, int(target.split("+")[1]), world.now_ms(), LADDER_ROWS)
    if rows != client.subscriptions.ladders[target]:
        client.subscriptions.ladders[target] = rows
        await client.send({"topic": f"sbd+{target}", "data": rows})


async def _unsubscribe_ladder(client: Client, command: Command) -> None:
    ladders = client.subscriptions.ladders
    for target in [key for key in ladders if key.startswith(f"{command.target}+")]:
        del ladders[target]


async def _conid(client: Client, target: str) -> int | None:
    """The contract that is meant; says so when there is none."""
    conid = numbers.conid(target)
    if conid in client.world.market.instruments:
        return conid
    await client.send({"error": f"unknown conid: {target}", "code": 2})
    return None


async def _holds(client: Client, account: str) -> bool:
    if account != ACCOUNT:
        await client.send({"error": f"unknown account: {account}", "code": 4})
    return account == ACCOUNT


_ACTIONS: dict[str, Callable[[Client, Command], Awaitable[None]]] = {
    "tic": _tic,
    "smd": _subscribe_market_data,
    "umd": _unsubscribe_market_data,
    "smh": _subscribe_history,
    "umh": _unsubscribe_history,
    "ssd": _subscribe_summary,
    "usd": _unsubscribe_summary,
    "sld": _subscribe_ledger,
    "uld": _unsubscribe_ledger,
    "sbd": _subscribe_ladder,
    "ubd": _unsubscribe_ladder,
    **order_topics.ACTIONS,
}
