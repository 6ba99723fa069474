"""What the service says over HTTP and on the bus is what its contracts promise."""

from __future__ import annotations

import pathlib

import pytest
from chassis.conformity import Contract
from chassis.message import from_wire
from chassis.service import Service
from chassis.testing import ApiClient

from examples import CREATE_SHIPMENT, DISPATCH_SHIPMENT
from starter_shipping.gen.messages import CreateShipment, DispatchShipment

CONTRACT = pathlib.Path(__file__).parents[4] / "contracts" / "openapi" / "shipping.yaml"


@pytest.fixture
def contract(service: Service) -> Contract:
    """What the service has promised to others."""
    return Contract(service, CONTRACT)


def test_every_promise_has_a_handler(service: Service, contract: Contract) -> None:
    assert contract.operations == service.operations


def test_create_shipment_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    response = client.post("/shipments", json=CREATE_SHIPMENT)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("CreateShipment", from_wire(CreateShipment, CREATE_SHIPMENT))


def test_dispatch_shipment_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/shipments", json=CREATE_SHIPMENT).json()["data"]["shipmentId"]
    response = client.post(f"/shipments/{key}/dispatch", json=DISPATCH_SHIPMENT)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("DispatchShipment", from_wire(DispatchShipment, DISPATCH_SHIPMENT | {"id": key}))


def test_get_shipment_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/shipments", json=CREATE_SHIPMENT).json()["data"]["shipmentId"]
    contract.check(client.get(f"/shipments/{key}"))
