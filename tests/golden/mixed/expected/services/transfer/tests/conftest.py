"""What all tests of the service share."""

from __future__ import annotations

import pytest
from chassis.doubles import MemoryRepository
from chassis.projection_doubles import MemoryRows
from chassis.service import Service
from chassis.testing import ApiClient

from mixed_transfer.adapters.composition import assemble
from mixed_transfer.domain.transfer import Transfer
from mixed_transfer.gen.messages import LevelsRow
from mixed_transfer.gen.wiring import wire


@pytest.fixture
def service() -> Service:
    """The whole service, its repositories in memory."""
    handlers = assemble(transfers=MemoryRepository[Transfer](key="id"), levels=MemoryRows[LevelsRow](key="sku"))
    return wire(handlers)


@pytest.fixture
def client(service: Service) -> ApiClient:
    """The service over HTTP, with every scope."""
    return ApiClient(service)
