"""What the service says over HTTP and on the bus is what its contracts promise."""

from __future__ import annotations

import pathlib

import pytest
from chassis.conformity import Contract
from chassis.message import from_wire
from chassis.service import Service
from chassis.testing import ApiClient

from examples import TAKE_PAYMENT
from starter_payment.gen.messages import TakePayment

CONTRACT = pathlib.Path(__file__).parents[4] / "contracts" / "openapi" / "payment.yaml"


@pytest.fixture
def contract(service: Service) -> Contract:
    """What the service has promised to others."""
    return Contract(service, CONTRACT)


def test_every_promise_has_a_handler(service: Service, contract: Contract) -> None:
    assert contract.operations == service.operations


def test_take_payment_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    response = client.post("/payments", json=TAKE_PAYMENT)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("TakePayment", from_wire(TakePayment, TAKE_PAYMENT))


def test_get_payment_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/payments", json=TAKE_PAYMENT).json()["data"]["paymentId"]
    contract.check(client.get(f"/payments/{key}"))
