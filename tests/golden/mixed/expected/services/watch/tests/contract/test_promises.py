"""What the service says over HTTP and on the bus is what its contracts promise."""

from __future__ import annotations

import pathlib

import pytest
from chassis.conformity import Contract
from chassis.service import Service

CONTRACT = pathlib.Path(__file__).parents[4] / "contracts" / "openapi" / "watch.yaml"


@pytest.fixture
def contract(service: Service) -> Contract:
    """What the service has promised to others."""
    return Contract(service, CONTRACT)


def test_every_promise_has_a_handler(service: Service, contract: Contract) -> None:
    assert contract.operations == service.operations
