"""What a new owner does first; each with its state, why it matters and how it is done."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from backend.core.settings import settings
from backend.executions.models import Execution, Status
from backend.strategies.models import Strategy, StrategyVersion
from backend.web.standing import Standing

State = Literal["done", "open", "optional"]

EXAMPLE_AUTHOR = "glassbox"
"""Who `glassbox up` says has made the example strategy."""


@dataclass(frozen=True, kw_only=True)
class Item:
    name: str
    state: State
    found: str
    """How it stands now."""
    why: str
    href: str = ""
    action: str = ""
    command: str = ""


def items(session: Session, standing: Standing | None) -> list[Item]:
    own = _own(session)
    return [
        _gateway(standing),
        _account(standing),
        _model(),
        _limits(),
        _strategy(session, own),
        _run(session, own),
    ]


def is_done(found: list[Item]) -> bool:
    return all(item.state != "open" for item in found)


def _gateway(standing: Standing | None) -> Item:
    is_up = standing is not None and standing.is_connected and not standing.is_stale
    found = "It is connected." if is_up else "Nobody has looked at it yet."
    if standing is not None and not is_up:
        found = standing.sentence
    return Item(
        name="Gateway",
        state="done" if is_up else "open",
        found=found,
        why="Prices and the account come through it; while it is away, executions are parked.",
        href="/system",
        action="Look at the parts",
        command="" if is_up else "./glassbox status",
    )


def _account(standing: Standing | None) -> Item:
    why = "Try everything where mistakes cost nothing. The gateway says which kind it is."
    if standing is None or standing.is_paper is None:
        return Item(name="Paper account", state="open", found="No account is known yet.", why=why)
    if not standing.is_paper:
        found = f"{standing.account} is a live account: log in to the gateway with the paper user."
        return Item(name="Paper account", state="open", found=found, why=why)
    invented = ", with invented prices" if standing.is_simulated else ""
    found = f"{standing.account} is on paper{invented}."
    return Item(name="Paper account", state="done", found=found, why=why)


def _model() -> Item:
    why = "A model reads the charts; without one, fixed rules give the view, free and repeatable."
    if settings().openai_api_key.get_secret_value():
        found = f"A key is set; {settings().openai_model} answers unless a strategy names another."
        return Item(name="Model key", state="done", found=found, why=why)
    return Item(
        name="Model key",
        state="optional",
        found="No key: the rule-based analyst answers.",
        why=why,
        href="/system/settings#openai_api_key",
        action="How to set OPENAI_API_KEY",
    )


def _limits() -> Item:
    usd, tokens = settings().ai_daily_usd, settings().ai_daily_tokens
    return Item(
        name="Limits",
        state="done" if usd > 0 and tokens > 0 else "open",
        found=f"Models may cost ${usd:,.2f} and use {tokens:,} tokens a day.",
        why="They hold whatever is asked for; a strategy's own risk limits come on top.",
        href="/system/settings#ai_daily_usd",
        action="See all settings",
    )


def _own(session: Session) -> list[int]:
    """Strategies that a person made or changed; the example that comes with Glassbox is none."""
    made = (
        select(Strategy.id)
        .join(StrategyVersion, StrategyVersion.strategy_id == Strategy.id)
        .where(Strategy.archived_at.is_(None), StrategyVersion.created_by != EXAMPLE_AUTHOR)
    )
    return list(session.scalars(made.distinct()))


def _strategy(session: Session, own: list[int]) -> Item:
    found = "There is one of your own."
    if not own:
        is_there = session.scalar(select(exists().where(Strategy.archived_at.is_(None))))
        found = "Only the example is there." if is_there else "There is none yet."
    return Item(
        name="First strategy",
        state="done" if own else "open",
        found=found,
        why="It says what to trade, when to look, how to judge and how much to risk.",
        href="/strategies" if own else "/strategies/new",
        action="Your strategies" if own else "Build your own",
    )


def _run(session: Session, own: list[int]) -> Item:
    finished = select(Execution.id).where(Execution.status == Status.FINISHED)
    of_own = finished.where(Execution.strategy_id.in_(own))
    has_run = session.scalar(of_own.order_by(Execution.strategy_id, Execution.id).limit(1))
    found = "A strategy of your own has run to its end."
    if has_run is None:
        any_run = session.scalar(finished.order_by(Execution.id).limit(1))
        found = "Nothing has run yet." if any_run is None else "Only the example has run."
    return Item(
        name="First run",
        state="open" if has_run is None else "done",
        found=found,
        why="Its page shows each step: what was asked, found and decided, and why.",
        href="/strategies" if has_run is None else "/executions",
        action="Press play on a strategy" if has_run is None else "Look at the runs",
        command="./glassbox run STRATEGY" if has_run is None else "",
    )
