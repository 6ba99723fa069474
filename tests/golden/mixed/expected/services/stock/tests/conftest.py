"""What all tests of the service share."""

from __future__ import annotations

import pytest
from chassis.doubles import MemoryRepository
from chassis.service import Service
from chassis.testing import ApiClient

from mixed_stock.adapters.composition import assemble
from mixed_stock.domain.stock import Stock
from mixed_stock.gen.wiring import wire


@pytest.fixture
def service() -> Service:
    """The whole service, its repositories in memory."""
    handlers = assemble(stocks=MemoryRepository[Stock](key="sku"))
    return wire(handlers)


@pytest.fixture
def client(service: Service) -> ApiClient:
    """The service over HTTP, with every scope."""
    return ApiClient(service)
