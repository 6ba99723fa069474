"""What the service says over HTTP and on the bus is what its contracts promise."""

from __future__ import annotations

import pathlib

import pytest
from chassis.conformity import Contract
from chassis.message import from_wire
from chassis.service import Service
from chassis.testing import ApiClient

from examples import CANCEL_ORDER, CONFIRM_ORDER, PLACE_ORDER
from starter_order.gen.messages import CancelOrder, ConfirmOrder, PlaceOrder

CONTRACT = pathlib.Path(__file__).parents[4] / "contracts" / "openapi" / "order.yaml"


@pytest.fixture
def contract(service: Service) -> Contract:
    """What the service has promised to others."""
    return Contract(service, CONTRACT)


def test_every_promise_has_a_handler(service: Service, contract: Contract) -> None:
    assert contract.operations == service.operations


def test_place_order_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    response = client.post("/orders", json=PLACE_ORDER)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("PlaceOrder", from_wire(PlaceOrder, PLACE_ORDER))


def test_confirm_order_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/orders", json=PLACE_ORDER).json()["data"]["orderId"]
    response = client.post(f"/orders/{key}/confirm", json=CONFIRM_ORDER)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("ConfirmOrder", from_wire(ConfirmOrder, CONFIRM_ORDER | {"id": key}))


def test_cancel_order_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/orders", json=PLACE_ORDER).json()["data"]["orderId"]
    response = client.post(f"/orders/{key}/cancel", json=CANCEL_ORDER)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("CancelOrder", from_wire(CancelOrder, CANCEL_ORDER | {"id": key}))


def test_get_order_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/orders", json=PLACE_ORDER).json()["data"]["orderId"]
    contract.check(client.get(f"/orders/{key}"))
