"""What all tests of the service share."""

from __future__ import annotations

import pytest
from chassis.doubles import MemoryRepository
from chassis.service import Service
from chassis.testing import ApiClient

from starter_shipping.adapters.composition import assemble
from starter_shipping.domain.shipment import Shipment
from starter_shipping.gen.wiring import wire


@pytest.fixture
def service() -> Service:
    """The whole service, its repositories in memory."""
    handlers = assemble(shipments=MemoryRepository[Shipment](key="id"))
    return wire(handlers)


@pytest.fixture
def client(service: Service) -> ApiClient:
    """The service over HTTP, with every scope."""
    return ApiClient(service)
