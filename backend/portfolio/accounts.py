"""Which accounts there are, as far as was ever seen."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.core.errors import NotFound, did_you_mean
from backend.portfolio import equity
from backend.portfolio.models import AccountLook
from backend.portfolio.orders.models import RoundTrip


def known(session: Session) -> list[str]:
    """Whatever was looked at or traded."""
    looked_at = session.scalars(select(AccountLook.account))
    traded = session.scalars(select(RoundTrip.account).distinct())
    return sorted({*looked_at, *traded, *equity.accounts(session)})


def choose(session: Session, asked: str, usual: str | None) -> str | None:
    """
    The one that is asked for, else the usual one where it was seen, else the first; None where
    none was seen. Raises `NotFound` for one that is not known.
    """
    accounts = known(session)
    if not asked:
        return usual if usual in accounts else next(iter(accounts), None)
    if asked not in accounts:
        seen = f" Seen so far: {', '.join(accounts)}." if accounts else " None was seen so far."
        raise NotFound(
            f"No account {asked!r} was ever looked at.{did_you_mean(asked, accounts)}{seen}"
        )
    return asked
