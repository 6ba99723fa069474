"""What the service says over HTTP and on the bus is what its contracts promise."""

from __future__ import annotations

import pathlib

import pytest
from chassis.conformity import Contract
from chassis.message import from_wire
from chassis.service import Service
from chassis.testing import ApiClient

from examples import RATE_TRANSFER, SWEEP_CASES
from mixed_check.gen.messages import RateTransfer, SweepCases

CONTRACT = pathlib.Path(__file__).parents[4] / "contracts" / "openapi" / "check.yaml"


@pytest.fixture
def contract(service: Service) -> Contract:
    """What the service has promised to others."""
    return Contract(service, CONTRACT)


def test_every_promise_has_a_handler(service: Service, contract: Contract) -> None:
    assert contract.operations == service.operations


def test_rate_transfer_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    response = client.post("/cases", json=RATE_TRANSFER)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("RateTransfer", from_wire(RateTransfer, RATE_TRANSFER))


def test_sweep_cases_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    response = client.post("/cases/sweep-cases", json=SWEEP_CASES)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("SweepCases", from_wire(SweepCases, SWEEP_CASES))


def test_get_case_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/cases", json=RATE_TRANSFER).json()["data"]["caseId"]
    contract.check(client.get(f"/cases/{key}"))
