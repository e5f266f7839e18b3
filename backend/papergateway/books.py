"""The control plane's view of the account: its books, trades by another hand, a restart."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from backend.core.errors import InvalidInput, NotFound, did_you_mean
from backend.papergateway import order_rows, trade_rows
from backend.papergateway.answers import ok, world_of
from backend.papergateway.trading import balances, placing
from backend.papergateway.trading.commissions import Plan
from backend.papergateway.trading.orders import Kind, Side, Terms, Tif
from backend.papergateway.trading.tickets import Refused, Ticket
from backend.papergateway.world import World

OTHER_HAND = "tws"


class HandTrade(BaseModel):
    """A market order from another platform of the same account."""

    model_config = ConfigDict(extra="forbid")

    symbol: str = Field(min_length=1, max_length=20)
    side: Side
    quantity: int = Field(gt=0, le=1_000_000)


class PlanChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    commissions: Plan


async def read_books(request: Request) -> Response:
    world = world_of(request)
    world.move_on()
    return ok(_books(world))


def _books(world: World) -> dict[str, Any]:
    """Everything the broker knows, whatever its caches say; money is in texts, to the cent."""
    desk, state, market = world.desk, world.desk.state, world.market
    return {
        "simulated": True,
        "now_ms": desk.now_ms,
        "balances": state.books.balances(),
        "accounts": {name: str(amount) for name, amount in state.books.accounts.items()},
        "figures": {name: str(value) for name, value in vars(balances.of(desk)).items()},
        "positions": {
            market.instruments[each.conid].symbol: each.quantity
            for each in state.books.positions.values()
        },
        "orders": [
            {
                **order_rows.live(market.instruments[each.conid], each),
                "submitter": each.submitter,
                "placed_ms": each.placed_ms,
            }
            for each in state.orders.values()
        ],
        "trades": [trade_rows.row(desk, fill) for fill in state.fills],
        "open_questions": len(world.conversations),
        "commissions": state.plan,
    }


def trade_by_hand(world: World, change: HandTrade) -> dict[str, Any]:
    """Raises `NotFound` for a symbol, `InvalidInput` for what the account cannot carry."""
    instrument = world.market.by_symbol(change.symbol)
    if instrument is None:
        known = [each.symbol for each in world.market.instruments.values()]
        hint = did_you_mean(change.symbol.upper(), known)
        raise NotFound(f"Nothing here has the symbol {change.symbol!r}.{hint}")
    terms = Terms(
        conid=instrument.conid,
        side=change.side,
        kind=Kind.MKT,
        tif=Tif.GTC,
        quantity=change.quantity,
    )
    world.move_on()
    try:
        placing.place(world.desk, [Ticket(terms=terms)], submitter=OTHER_HAND)
    except Refused as why:
        raise InvalidInput(f"The trade was refused: {why}", field="quantity") from why
    world.keep()
    return _books(world)


def change_plan(world: World, change: PlanChange) -> dict[str, Any]:
    """From the next fill on."""
    world.desk.state.plan = change.commissions
    world.keep()
    return _books(world)


def restart(world: World) -> dict[str, Any]:
    world.restart()
    return _books(world)
