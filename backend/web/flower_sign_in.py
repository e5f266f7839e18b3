"""
Flower behind our own sign-in, both sides of the door.

Flower (the queue's monitor, a process of its own) has no persons. Whoever comes to it unknown is
led to our page; that asks for our sign-in and leads back with a ticket, which Flower turns into a
cookie of its own. The cookie lasts as long as the browser runs; Flower only shows the queue.
"""

import secrets
from urllib.parse import urlencode

from itsdangerous import BadData

from backend.web import signing

PAGE = "/system/flower"
WHO = "glassbox"
"""The one user Flower knows: the value of its setting FLOWER_AUTH."""
GOOD_FOR_SECONDS = 60
"""As long as a redirect may take."""


def ticket_address(flower_url: str, next_path: str) -> str:
    """Where a signed-in person is led: Flower's own sign-in, with a ticket that works once."""
    ticket = signing.tickets("flower").dumps(secrets.token_urlsafe(16))
    query = urlencode({"ticket": ticket, "next": next_path})
    return f"{flower_url.rstrip('/')}/login?{query}"


class Tickets:
    """What Flower remembers: the tickets that were shown, as long as they would still work."""

    def __init__(self) -> None:
        self._shown: dict[str, float] = {}

    def is_good(self, ticket: str, now: float) -> bool:
        """Once only; `now` in seconds, of a clock that never goes back."""
        # Twice as long as a ticket works: its age is counted in whole seconds of another clock.
        kept = 2 * GOOD_FOR_SECONDS
        self._shown = {each: at for each, at in self._shown.items() if now - at < kept}
        try:
            number = signing.tickets("flower").loads(ticket, max_age=GOOD_FOR_SECONDS)
        except BadData:
            return False
        if number in self._shown:
            return False
        self._shown[number] = now
        return True
