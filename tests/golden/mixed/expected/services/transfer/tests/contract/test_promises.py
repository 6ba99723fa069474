"""What the service says over HTTP and on the bus is what its contracts promise."""

from __future__ import annotations

import pathlib

import pytest
from chassis.conformity import Contract
from chassis.message import from_wire
from chassis.service import Service
from chassis.testing import ApiClient

from examples import DROP_TRANSFER, SETTLE_TRANSFER, START_TRANSFER
from mixed_transfer.gen.messages import DropTransfer, SettleTransfer, StartTransfer

CONTRACT = pathlib.Path(__file__).parents[4] / "contracts" / "openapi" / "transfer.yaml"


@pytest.fixture
def contract(service: Service) -> Contract:
    """What the service has promised to others."""
    return Contract(service, CONTRACT)


def test_every_promise_has_a_handler(service: Service, contract: Contract) -> None:
    assert contract.operations == service.operations


def test_start_transfer_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    response = client.post("/transfers", json=START_TRANSFER)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("StartTransfer", from_wire(StartTransfer, START_TRANSFER))


def test_settle_transfer_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/transfers", json=START_TRANSFER).json()["data"]["transferId"]
    response = client.post(f"/transfers/{key}/settle", json=SETTLE_TRANSFER)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("SettleTransfer", from_wire(SettleTransfer, SETTLE_TRANSFER | {"id": key}))


def test_drop_transfer_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/transfers", json=START_TRANSFER).json()["data"]["transferId"]
    response = client.post(f"/transfers/{key}/drop", json=DROP_TRANSFER)
    contract.check(response)
    contract.check_events(client.published)
    contract.check_command("DropTransfer", from_wire(DropTransfer, DROP_TRANSFER | {"id": key}))


def test_get_transfer_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = client.post("/transfers", json=START_TRANSFER).json()["data"]["transferId"]
    contract.check(client.get(f"/transfers/{key}"))


def test_sender_transfers_keeps_its_promises(client: ApiClient, contract: Contract) -> None:
    key = "018f3b6e-0000-7000-8000-fffffffffff0"
    contract.check(client.get(f"/sender-transfers/{key}"))
