"""Looking at an account anew because a person or a program asks for it now."""

from backend.brokers.base import Broker, SessionStatus
from backend.core.database import transaction
from backend.core.errors import SessionDown
from backend.portfolio import looks


def look(broker: Broker, account: str) -> None:
    """
    Ask the broker, which may take seconds, and keep what it tells.

    Raises what the broker raises: `SessionDown` when nobody is logged in.
    """
    standing = broker.ensure_session()
    if standing.status is not SessionStatus.READY:
        raise SessionDown(standing.detail)
    snapshot = broker.account_snapshot(account)
    with transaction() as session:
        looks.keep(session, snapshot)
