"""A client that trades."""

from decimal import Decimal
from typing import Any

import httpx

from backend.papergateway.account import ACCOUNT
from backend.papergateway.running import RunningGateway


class Trader:
    """Places orders as a client would, and says yes to whatever is asked."""

    def __init__(self, http: httpx.Client, gateway: RunningGateway | None = None) -> None:
        """`gateway` is the one behind `http`, where it runs in this process."""
        self.http, self._gateway = http, gateway
        self.account = f"/iserver/account/{ACCOUNT}"

    @property
    def gateway(self) -> RunningGateway:
        assert self._gateway is not None
        return self._gateway

    def ticket(self, **more: Any) -> dict[str, Any]:
        """A hundred of Apple at the market for the day, unless told otherwise."""
        usual = {"conid": 265598, "side": "BUY", "orderType": "MKT", "tif": "DAY", "quantity": 100}
        return {**usual, **more}

    def limit(self, price: Decimal, **more: Any) -> dict[str, Any]:
        return self.ticket(orderType="LMT", price=float(price), **more)

    def last(self, conid: int = 265598) -> Decimal:
        quote = self.gateway.world.market.quote(conid, self.gateway.control.now_ms())
        assert quote is not None
        return quote.last

    def post(self, *tickets: dict[str, Any]) -> httpx.Response:
        return self.http.post(f"{self.account}/orders", json={"orders": list(tickets)})

    def reply(self, question: str, confirmed: bool = True) -> httpx.Response:
        return self.http.post(f"/iserver/reply/{question}", json={"confirmed": confirmed})

    def answered(self, response: httpx.Response) -> Any:
        """What comes of it after every question was answered with yes."""
        while True:
            found = response.json()
            if not isinstance(found, list) or "message" not in found[0]:
                return found
            response = self.reply(found[0]["id"])

    def place(self, *tickets: dict[str, Any]) -> Any:
        return self.answered(self.post(*tickets))

    def order(self, order_id: object) -> dict[str, Any]:
        """The order as the broker knows it, past every cache."""
        rows = self.gateway.control.books()["orders"]
        return next(row for row in rows if row["orderId"] == int(str(order_id)))

    def live(self, **query: str) -> list[dict[str, Any]]:
        """Live orders, once the cold read is over."""
        path = "/iserver/account/orders"
        found = self.http.get(path, params=query).json()
        if not found["snapshot"]:
            found = self.http.get(path, params=query).json()
        rows: list[dict[str, Any]] = found["orders"]
        return rows

    def trades(self, **query: str) -> list[dict[str, Any]]:
        path = "/iserver/account/trades"
        found: list[dict[str, Any]] = self.http.get(path, params=query).json()
        return found or self.http.get(path, params=query).json()
