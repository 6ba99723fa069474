"""What all tests of the service share."""

from __future__ import annotations

import pytest
from chassis.doubles import MemoryEventLog
from chassis.service import Service
from chassis.testing import ApiClient

from mixed_watch.adapters.composition import assemble
from mixed_watch.gen.wiring import wire


@pytest.fixture
def service() -> Service:
    """The whole service, its repositories in memory."""
    handlers = assemble(transfer_settled_record=MemoryEventLog(), stock_short_record=MemoryEventLog())
    return wire(handlers)


@pytest.fixture
def client(service: Service) -> ApiClient:
    """The service over HTTP, with every scope."""
    return ApiClient(service)
