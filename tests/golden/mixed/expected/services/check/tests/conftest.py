"""What all tests of the service share."""

from __future__ import annotations

import pytest
from chassis.doubles import MemoryRepository
from chassis.service import Service
from chassis.testing import ApiClient

from mixed_check.adapters.composition import assemble
from mixed_check.domain.case_ import Case
from mixed_check.gen.wiring import wire


@pytest.fixture
def service() -> Service:
    """The whole service, its repositories in memory."""
    handlers = assemble(cases=MemoryRepository[Case](key="id"))
    return wire(handlers)


@pytest.fixture
def client(service: Service) -> ApiClient:
    """The service over HTTP, with every scope."""
    return ApiClient(service)
