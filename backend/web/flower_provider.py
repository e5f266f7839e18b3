"""Runs inside Flower, which is told of it by FLOWER_AUTH_PROVIDER; see `flower_sign_in`."""

from time import monotonic
from typing import Any
from urllib.parse import urlencode

from flower.views import BaseHandler
from flower.views.auth import get_next_url
from tornado.web import HTTPError

from backend.web.addresses import web_address
from backend.web.flower_sign_in import PAGE, WHO, Tickets

_tickets = Tickets()


class FlowerSignIn(BaseHandler):  # type: ignore[misc]  # Flower has no types
    """Flower's page `/login`: takes a ticket, or leads to where one is given."""

    def get(self) -> None:
        ticket: Any = self.get_argument("ticket", None)
        wanted = get_next_url(self)
        if ticket is None:
            self.redirect(f"{web_address()}{PAGE}?{urlencode({'next': wanted})}")
            return
        if not _tickets.is_good(ticket, monotonic()):
            raise HTTPError(403, f"This way in works once and for a minute. Open {PAGE} again.")
        # None: gone when the browser closes.
        self.set_secure_cookie("user", WHO, expires_days=None)
        self.redirect(wanted)
