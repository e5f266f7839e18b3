import pytest

from backend.core.clock import Clock
from backend.papergateway.running import RunningGateway
from tests.brokers.broker_contract import BrokerContract


class TestClientPortalBroker(BrokerContract):
    @pytest.fixture
    def broker_clock(self, gateway: RunningGateway) -> Clock:
        return gateway.world.clock
