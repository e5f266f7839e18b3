"""The way from the simulated market to real money: what each step wants, and how it stands."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from backend.core.settings import settings
from backend.overview import rehearsals
from backend.overview.checklist import Item
from backend.overview.rehearsals import Rehearsals
from backend.portfolio import limits, live_trading
from backend.portfolio.books import drift
from backend.portfolio.models import LiveConfirmation
from backend.web.standing import Standing


@dataclass(frozen=True, kw_only=True)
class Phase:
    name: str
    title: str
    subtitle: str
    items: list[Item]


@dataclass(frozen=True, kw_only=True)
class LiveAccount:
    """One that the settings name, or that the gateway reports as live."""

    id: str
    is_named: bool
    is_reported_live: bool
    """By the gateway's last answer; it is asked once more when somebody confirms."""
    confirmed: LiveConfirmation | None
    history: Sequence[LiveConfirmation]
    missing: list[str]

    @property
    def words(self) -> str:
        return live_trading.words(self.id)


def phases(session: Session, standing: Standing | None) -> list[Phase]:
    tried = rehearsals.read(session)
    return [
        Phase(
            name="simulated",
            title="1. The simulated market",
            subtitle="Invented prices, invented money: learn what every switch does.",
            items=_rehearsed(tried),
        ),
        Phase(
            name="paper",
            title="2. An IBKR paper account",
            subtitle="The real market and the real gateway, without money.",
            items=_paper(session, standing, tried),
        ),
        Phase(
            name="live",
            title="3. A live account",
            subtitle="Real money. Every item above wants to be done, and these.",
            items=_live(session, standing),
        ),
    ]


def missing(session: Session, account: str) -> list[str]:
    """What has to be done before a confirmation counts; empty when all of it is."""
    wanted = [*_rehearsed(rehearsals.read(session)), _limits(session, account)]
    wanted.append(_books(session, account))
    return [item.name for item in wanted if item.state == "open"]


def accounts(session: Session, standing: Standing | None) -> list[LiveAccount]:
    reported = _reported_live(standing)
    names = list(dict.fromkeys([*settings().live_trading_accounts, *filter(None, [reported])]))
    return [
        LiveAccount(
            id=name,
            is_named=live_trading.is_named(name),
            is_reported_live=name == reported,
            confirmed=live_trading.in_force(session, name),
            history=live_trading.history(session, name),
            missing=missing(session, name),
        )
        for name in names
    ]


def _reported_live(standing: Standing | None) -> str | None:
    is_live = standing is not None and standing.is_paper is False and not standing.is_simulated
    return standing.account if standing is not None and is_live else None


def _rehearsed(tried: Rehearsals) -> list[Item]:
    trips = tried.simulated_trips + tried.paper_trips
    return [
        Item(
            name="A whole trade",
            state="done" if trips else "open",
            found=f"Closed trades: {trips}." if trips else "None was closed yet.",
            why="Watch an order go in with its stop and its targets at the broker, and come out.",
            href="/orders",
            action="Look at the orders",
        ),
        _approvals(tried),
        _switch(tried),
        Item(
            name="Notifications tested",
            state="done" if tried.tests_sent else "open",
            found=f"Test messages sent: {tried.tests_sent}."
            if tried.tests_sent
            else "No test message went out yet.",
            why="You are asked and warned where you are. A channel that was never tested is none.",
            href="/notifications",
            action="Press the test button",
        ),
    ]


def _approvals(tried: Rehearsals) -> Item:
    answered = tried.yes + tried.no
    return Item(
        name="Approvals tried",
        state="done" if answered else "open",
        found=f"Yes {tried.yes}, no {tried.no}, without an answer {tried.unanswered}."
        if answered
        else "Nobody has answered a question yet.",
        why="In mode approve no order goes out without your yes. Answer one from your phone.",
        href="/approvals",
        action="See the queue",
    )


def _switch(tried: Rehearsals) -> Item:
    meant = ", ".join(tried.released)
    return Item(
        name="Kill switch rehearsed",
        state="done" if tried.released else "open",
        found=f"Pulled and released: {meant}." if meant else "It was never pulled and released.",
        why="In trouble there is no time to read. Try stop, cancel and flatten once each.",
        href="/risk",
        action="Pull it once",
    )


def _paper(session: Session, standing: Standing | None, tried: Rehearsals) -> list[Item]:
    return [
        _gateway(standing),
        _login(standing),
        _account_type(standing),
        Item(
            name="A trade in the real market",
            state="done" if tried.paper_trips else "optional",
            found=f"Closed on paper: {tried.paper_trips}."
            if tried.paper_trips
            else "None was closed on an IBKR paper account.",
            why="Real spreads, real hours, IBKR's own questions: two weeks of them are well spent.",
            href="/journal",
            action="Read the journal",
        ),
        _books(session, standing.account if standing else None),
    ]


def _gateway(standing: Standing | None) -> Item:
    address = settings().ibkr_gateway_url
    why = "Start IBKR's Client Portal Gateway on this machine, and set IBKR_GATEWAY_URL to it."
    is_real = standing is not None and standing.is_connected and not standing.is_simulated
    found = f"{address} answers with real prices."
    if not is_real:
        is_paper_gateway = standing is not None and standing.is_simulated
        found = f"{address} is not connected."
        if is_paper_gateway:
            found = f"{address} is the paper gateway: its prices are invented."
    return Item(
        name="IBKR's gateway",
        state="done" if is_real else "open",
        found=found,
        why=why,
        href="/system/settings#ibkr_gateway_url",
        action="See the setting",
    )


def _login(standing: Standing | None) -> Item:
    is_in = standing is not None and standing.is_connected and not standing.is_stale
    found = "Nobody has looked yet." if standing is None else standing.detail
    if is_in and standing is not None and standing.login_expires_at is not None:
        found = (
            f"Logged in; the next login is forced at about {standing.login_expires_at:%H:%M} UTC."
        )
    return Item(
        name="Login",
        state="done" if is_in else "open",
        found=found,
        why="IBKR wants a person to log in every day, with a user name that nothing else uses.",
        href="/system",
        action="Look at the gateway",
    )


def _account_type(standing: Standing | None) -> Item:
    why = "The gateway says what kind an account is; Glassbox never guesses it from the name."
    if standing is None or standing.is_paper is None:
        return Item(name="Account type", state="open", found="No account is known yet.", why=why)
    if standing.is_simulated:
        found = f"{standing.account} is simulated."
        return Item(name="Account type", state="open", found=found, why=why)
    kind = "paper" if standing.is_paper else "live"
    found = f"The gateway reports {standing.account} as a {kind} account."
    return Item(name="Account type", state="done", found=found, why=why)


def _books(session: Session, account: str | None) -> Item:
    open_ones = drift.unexplained(session, account)
    found = "The broker's books and ours agree."
    if open_ones:
        found = f"{len(open_ones)} difference{'s' if len(open_ones) > 1 else ''} to explain."
    return Item(
        name="Books agree",
        state="open" if open_ones else "done",
        found=found,
        why="A position that nobody can explain is the first sign that something goes wrong.",
        href="/portfolio",
        action="Compare the books",
    )


def _live(session: Session, standing: Standing | None) -> list[Item]:
    named = settings().live_trading_accounts
    account = _reported_live(standing)
    found = f"The gateway reports {account} as a live account."
    if account is None:
        found = "The gateway reports no live account now: log in to it with the live user."
    return [
        Item(
            name="The gateway says live",
            state="done" if account else "open",
            found=found,
            why="The login decides whose money it is. The banner of every page turns red.",
        ),
        Item(
            name="Named in the settings",
            state="done" if named else "open",
            found=f"LIVE_TRADING_ACCOUNTS names {', '.join(named)}."
            if named
            else "LIVE_TRADING_ACCOUNTS is empty: no live account gets orders.",
            why="Whoever may change a page is not enough: it takes the machine's settings, too.",
            href="/system/settings#live_trading_accounts",
            action="See the setting",
        ),
        _limits(session, account or next(iter(named), "")),
    ]


def _limits(session: Session, account: str) -> Item:
    """A loss of the day, and a size of one order or of all: at the account or for everything."""
    held = limits.in_force(session, account)
    both = (held.account, held.everything)
    loss = any(each.max_daily_loss is not None for each in both)
    sizes = ("max_order_value", "max_position_value", "max_share_of_equity", "max_leverage")
    size = any(getattr(each, name) is not None for each in both for name in sizes)
    found = "A loss of the day and a size are limited."
    if not loss or not size:
        lacking = [word for word, has in (("the day's loss", loss), ("sizes", size)) if not has]
        found = f"Nothing limits {' and '.join(lacking)} above the strategies."
    return Item(
        name="Limits set",
        state="done" if loss and size else "open",
        found=found,
        why="They hold whatever a strategy or a model wants. Begin far below what you can lose.",
        href="/risk",
        action="Set limits",
    )
