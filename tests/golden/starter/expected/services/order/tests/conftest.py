"""What all tests of the service share."""

from __future__ import annotations

import pytest
from chassis.doubles import MemoryRepository
from chassis.service import Service
from chassis.testing import ApiClient

from starter_order.adapters.composition import assemble
from starter_order.domain.order import Order
from starter_order.gen.wiring import wire


@pytest.fixture
def service() -> Service:
    """The whole service, its repositories in memory."""
    handlers = assemble(orders=MemoryRepository[Order](key="id"))
    return wire(handlers)


@pytest.fixture
def client(service: Service) -> ApiClient:
    """The service over HTTP, with every scope."""
    return ApiClient(service)
