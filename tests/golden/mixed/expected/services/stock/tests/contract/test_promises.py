"""What the service says over HTTP and on the bus is what its contracts promise."""

from __future__ import annotations

import pathlib

import pytest
from chassis.conformity import Contract
from chassis.message import from_wire
from chassis.service import Service
from chassis.testing import ApiClient

from examples import ADD_STOCK, OPEN_STOCK, RETURN_STOCK, TAKE_STOCK
from mixed_stock.gen.messages import AddStock, OpenStock, ReturnStock, TakeStock

CONTRACT = pathlib.Path(__file__).parents[4] / "contracts" / "openapi" / "stock.yaml"


@pytest.fixture
def contract(service: Service) -> Contract:
    """What the service has promised to others."""
    return Contract(service, CONTRACT)


def test_every_promise_has_a_handler(service: Service, contract: Contract) -> None:
    assert contract.operations == service.operations


def test_open_stock_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    response = client.post("/stocks", json=OPEN_STOCK)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("OpenStock", from_wire(OpenStock, OPEN_STOCK))


def test_add_stock_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/add", json=ADD_STOCK)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("AddStock", from_wire(AddStock, ADD_STOCK | {"sku": key}))


def test_take_stock_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    key = client.post(f"/stocks/{key}/add", json=ADD_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/take", json=TAKE_STOCK)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("TakeStock", from_wire(TakeStock, TAKE_STOCK | {"sku": key}))


def test_return_stock_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    response = client.post(f"/stocks/{key}/return", json=RETURN_STOCK)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("ReturnStock", from_wire(ReturnStock, RETURN_STOCK | {"sku": key}))


def test_get_stock_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/stocks", json=OPEN_STOCK).json()["data"]["sku"]
    contract.check(client.get(f"/stocks/{key}"))
