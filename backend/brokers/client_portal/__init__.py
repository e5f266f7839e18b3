"""IBKR through its Client Portal Gateway: REST over httpx, paced together with all workers."""

from backend.brokers.client_portal.broker import ClientPortalBroker, from_settings

__all__ = ["ClientPortalBroker", "from_settings"]
