from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.core.database import transaction
from backend.portfolio.orders import listing, story
from backend.portfolio.orders.list_query import OrdersQuery, Tab
from backend.portfolio.orders.listing import Listed
from backend.portfolio.orders.models import Order
from backend.portfolio.orders.story import OrderStory
from backend.trading.numbers import plain


def orders(
    tab: Annotated[Tab, typer.Option(help="Which ones.")] = Tab.WORKING,
    symbol: Annotated[str | None, typer.Option(help="Only this symbol.")] = None,
    account: Annotated[str | None, typer.Option(help="Only this account.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 20,
    id: Annotated[int | None, typer.Option(min=1, help="One order, with all of its life.")] = None,
) -> None:
    """Orders and how they stand at the broker."""
    with transaction() as session:
        if id is not None:
            _tell(story.read(session, id))
            return
        asked = OrdersQuery(tab=tab, symbol=symbol, account=account)
        rows = listing.find(session, asked, limit)
        _list(rows, tab)


def _list(rows: list[Listed], tab: Tab) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("id", "symbol", "role", "order", "filled", "state", "changed (UTC)"):
        table.add_column(name, no_wrap=True)
    table.add_column("reason", no_wrap=True, overflow="ellipsis")
    for each in rows:
        order = each.order
        mark = " (simulated)" if each.trip and each.trip.is_simulated else ""
        table.add_row(
            str(order.id),
            f"{order.symbol}{mark}",
            order.role,
            _terms(order),
            f"{plain(order.filled)} of {plain(order.quantity)}",
            order.state,
            f"{order.updated_at:%m-%d %H:%M}",
            order.reason or "",
        )
    empty = "No order is working. All of them: glassbox orders --tab all"
    Console().print(table if rows else empty if tab is Tab.WORKING else "No such orders.")


def _tell(found: OrderStory) -> None:
    """The whole life of one, oldest first."""
    order, console = found.order, Console()
    console.print(f"Order {order.id}: {_terms(order)} {order.symbol}, {order.role}, {order.state}")
    for step in found.transitions:
        told = f"{step.at:%Y-%m-%d %H:%M:%S}  {step.after:<10}  {step.sentence} ({step.by})"
        console.print(told, soft_wrap=True, markup=False)
    for question in found.questions:
        answer = f"{question.answer or 'not answered'} by {question.answered_by or '-'}"
        told = f"The broker asked {', '.join(question.message_ids)}: {question.text} ({answer})"
        console.print(told, soft_wrap=True, markup=False)
    for fill in found.fills:
        told = f"{fill.at:%Y-%m-%d %H:%M:%S}  fill        {plain(fill.quantity)} at"
        console.print(f"{told} {plain(fill.price)}", markup=False)


def _terms(order: Order) -> str:
    prices = {"limit": order.limit_price, "stop": order.stop_price, "trail": order.trail}
    told = "".join(f" {name} {plain(price)}" for name, price in prices.items() if price is not None)
    return f"{order.side} {plain(order.quantity)}{told or ' at the market'}"
