"""
Carrying out a kill switch that means more than to stop.

Each look asks the broker for its orders and positions, keeps what is left, and then acts on it;
the next look shows what came of that. The check is repeated for as long as the switch is pulled;
a round trip or a position is closed once for each switch, by `orders/closing.py`.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.brokers.base import Broker, SessionStatus
from backend.brokers.orders import BrokerOrder
from backend.core.clock import Clock
from backend.core.database import DatabaseAway, after_commit, transaction
from backend.core.events import publish
from backend.core.locks import alone
from backend.core.logging import get_logger
from backend.notifications import service as notifications
from backend.notifications.events import Event
from backend.portfolio import equity, halt_progress, halt_reach, halts
from backend.portfolio.halt_progress import CancelledOrder, Work
from backend.portfolio.halt_reach import Reach, Seen
from backend.portfolio.models import HaltProgress, HaltRow
from backend.portfolio.orders import closing, closings, following
from backend.portfolio.orders.models import Closing, ClosingState
from backend.trading.kill_switch import opens_or_adds
from backend.trading.numbers import plain

logger = get_logger(__name__)

AGAIN = timedelta(seconds=30)
"""So often a switch that is done is checked again: something may have slipped past it."""

_NOTHING = Decimal(0)

LOOKS = 3
"""In one go: the first acts, a later one may see already that nothing is left."""


def watch(clock: Clock, broker: Broker) -> None:
    """
    Carry out every pulled switch that means more than to stop, account by account.

    Without the database, what the file `HALT` says is done as far as nothing has to be kept for
    it: orders that open or add are cancelled. Raises `DatabaseAway` then.
    """
    try:
        with transaction() as session:
            halts.adopt_file(session, clock, halts.file())
            pulled = [row for row in halts.in_force(session) if row.meaning != "stop"]
    except DatabaseAway:
        _without_database(broker)
        raise
    if not pulled:
        return
    standing = broker.session()
    if standing.status is not SessionStatus.READY:
        return _cannot_be_asked(clock, pulled, standing.detail)
    for account in broker.accounts():
        _carry_out(clock, broker, account.id, pulled)


def _without_database(broker: Broker) -> None:
    found = halts.by_file(halts.file())
    if found is None or found.meaning == "stop":
        return
    for account in broker.accounts():
        held = {each.conid: each.quantity for each in broker.account_snapshot(account.id).positions}
        for order in broker.orders(account.id):
            if not order.status.is_final and opens_or_adds(order, held.get(order.conid, _NOTHING)):
                refusal = broker.cancel(account.id, order.order_id)
                logger.warning("cancelled_by_file", order=order.order_id, refusal=refusal)


def _cannot_be_asked(clock: Clock, pulled: Sequence[HaltRow], why: str) -> None:
    """Accounts that were ever looked at show why nothing happens in them."""
    said = f"The broker cannot be asked: {why} Until then use your broker's own app."
    with transaction() as session:
        for account in equity.accounts(session):
            for row in pulled:
                if _reaches(row, account):
                    work = halt_progress.work(session, row.id, account)
                    work = work.model_copy(update={"trouble": (said,)})
                    halt_progress.keep(session, row.id, account, clock.now(), work)
        after_commit(session, partial(publish, halts.SUBJECT))


def _reaches(row: HaltRow, account: str) -> bool:
    return row.scope != "account" or row.target == account


def _carry_out(clock: Clock, broker: Broker, account: str, pulled: Sequence[HaltRow]) -> None:
    with transaction() as session:
        due = [row.id for row in pulled if _is_due(session, clock, row, account)]
    if not due:
        return
    with alone(f"halts of {account}") as is_ours:
        for _ in range(LOOKS if is_ours else 0):
            seen = _look(clock, broker, account)
            due = [each for each in due if not _act(clock, broker, each, seen)]
            if not due:
                return


def _is_due(session: Session, clock: Clock, row: HaltRow, account: str) -> bool:
    if not _reaches(row, account):
        return False
    progress = session.get(HaltProgress, (row.id, account))
    if progress is None or progress.verified_at is None:
        return True
    return clock.now() - progress.looked_at >= AGAIN


def _look(clock: Clock, broker: Broker, account: str) -> Seen:
    """The orders are read last: what they show as gone is not among the positions as under way."""
    snapshot = broker.account_snapshot(account)
    listed, fills = broker.orders(account), broker.fills(account)
    with transaction() as session:
        following.apply(session, clock, account, [*listed, *fills], by="kill switch")
    return Seen(account=account, listed=listed, snapshot=snapshot)


def _act(clock: Clock, broker: Broker, halt_id: int, seen: Seen) -> bool:
    """Keep how it stands and do what is to be done; True once the broker shows nothing left."""
    with transaction() as session:
        row = session.get_one(HaltRow, halt_id)
        if row.released_at is not None:
            return True
        reach = halt_reach.find(session, row, seen)
        asked = _ask(session, clock, row, seen.account, reach)
        work = _work(session, clock, row, seen, reach)
        halt_progress.keep(session, row.id, seen.account, clock.now(), work)
        _tell(session, clock, row, seen.account, work)
        after_commit(session, partial(publish, halts.SUBJECT))
    for order in reach.orders:
        refusal = broker.cancel(seen.account, order.order_id)
        if refusal is not None:
            # Filled or gone a moment ago: the next look tells.
            logger.info("cancel_refused", order=order.order_id, why=refusal)
    closing.carry_out(clock, broker, seen.account, asked)
    return not work.left and not work.trouble


def _ask(session: Session, clock: Clock, row: HaltRow, account: str, reach: Reach) -> list[int]:
    """The closings that are under way, asked for here where this switch has not asked yet."""
    known = halt_progress.closings(session, row.id, account)
    trips = {each.round_trip_id for each in known}
    positions = {each.conid for each in known if each.round_trip_id is None}
    how: dict[str, Any] = {"reason": "flatten", "by": row.by, "halt_id": row.id}
    for trip in reach.trips:
        if trip.id not in trips:
            closings.ask(session, clock, trip, **how)
    for conid, (symbol, _) in reach.bare.items():
        if conid not in positions:
            closings.ask_for_position(
                session, clock, account=account, conid=conid, symbol=symbol, **how
            )
    session.flush()
    query = select(Closing.id).where(
        Closing.halt_id == row.id, Closing.account == account, Closing.done_at.is_(None)
    )
    return list(session.scalars(query.order_by(Closing.id)))


def _work(session: Session, clock: Clock, row: HaltRow, seen: Seen, reach: Reach) -> Work:
    before = halt_progress.work(session, row.id, seen.account)
    asked = halt_progress.closings(session, row.id, seen.account)
    under_way = [each for each in asked if each.state not in closings.FINISHED]
    left = [
        *(f"{_in_words(each)} works at the broker." for each in reach.orders),
        *(
            f"{each.side} {plain(each.quantity)} {each.symbol}: its fate is being looked up."
            for each in reach.in_doubt
        ),
        *(f"{each.symbol} is being closed." for each in under_way),
    ]
    return Work(
        cancelled=_cancelled(clock, before, seen, reach.orders),
        left=tuple(left),
        trouble=tuple(_trouble(asked, reach)),
    )


def _trouble(asked: Sequence[Closing], reach: Reach) -> Iterator[str]:
    """What this switch does not do again, and a person has to."""
    for each in asked:
        if each.state is ClosingState.FAILED:
            yield each.outcome
    done = {each.round_trip_id or each.conid for each in asked if each.state is ClosingState.DONE}
    for trip in reach.trips:
        if trip.id in done:
            yield (
                f"{trip.symbol}: our books hold {plain(trip.entered - trip.left)} shares that the"
                f" broker does not show (round trip {trip.id}). Look at the portfolio."
            )
    for conid, (symbol, quantity) in reach.bare.items():
        if conid in done:
            yield (
                f"{symbol}: {plain(quantity)} shares are held although it was closed. A switch"
                " closes a position once: close it by hand."
            )


def _cancelled(
    clock: Clock, before: Work, seen: Seen, now_left: Sequence[BrokerOrder]
) -> tuple[CancelledOrder, ...]:
    now = clock.now()
    listed = {each.order_id: each for each in seen.listed}
    known = {each.order_id for each in before.cancelled}
    followed = [_followed(each, listed.get(each.order_id), now) for each in before.cancelled]
    new = [
        CancelledOrder(order_id=each.order_id, sentence=_in_words(each), asked_at=now)
        for each in now_left
        if each.order_id not in known
    ]
    return (*followed, *new)


def _followed(order: CancelledOrder, listed: BrokerOrder | None, now: datetime) -> CancelledOrder:
    if order.gone_at is not None or (listed is not None and not listed.status.is_final):
        return order
    became = "no longer listed" if listed is None else str(listed.status)
    return order.model_copy(update={"gone_at": now, "became": became})


def _in_words(order: BrokerOrder) -> str:
    price = order.limit_price or order.stop_price
    at = "" if price is None else f" {plain(price)}"
    return f"{order.side} {plain(order.quantity)} {order.symbol} {order.order_type}{at}"


def _tell(session: Session, clock: Clock, row: HaltRow, account: str, work: Work) -> None:
    whose = f"{halts.name_of(row.scope, row.target)} in {account}"
    if work.trouble:
        notifications.tell(
            session,
            clock,
            event=Event.ORDER_TROUBLE,
            key=f"halt {row.id} {row.meaning} {account} trouble",
            title=f"The kill switch needs you: {whose}",
            text=" ".join(work.trouble),
            path="/risk",
        )
    elif not work.left:
        notifications.tell(
            session,
            clock,
            event=Event.HALT,
            key=f"halt {row.id} {row.meaning} {account} done",
            title=f"The kill switch is carried out: {whose}",
            text=f"The broker shows nothing left of what it means ({row.meaning}).",
            path="/risk",
        )
