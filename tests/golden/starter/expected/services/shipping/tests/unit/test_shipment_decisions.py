"""Each command on its own: accepted, refused, out of place."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from chassis.domain import Accepted, IllegalState
from chassis.message import from_wire

from examples import CREATE_SHIPMENT, DISPATCH_SHIPMENT
from starter_shipping.domain.shipment import ShipmentState, create_shipment, dispatch_shipment
from starter_shipping.gen.messages import CreateShipment, DispatchShipment, ShipmentCreated, ShipmentDispatched

IDENTITY = UUID("018f3b6e-0000-7000-8000-000000000001")
KEY = {"id": str(IDENTITY)}


def test_create_shipment_is_accepted() -> None:
    decision = create_shipment(from_wire(CreateShipment, CREATE_SHIPMENT), IDENTITY)
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, ShipmentCreated)
    assert decision.state.state is ShipmentState.CREATED


def test_dispatch_shipment_is_accepted() -> None:
    shipment = create_shipment(from_wire(CreateShipment, CREATE_SHIPMENT), IDENTITY).state
    decision = dispatch_shipment(shipment, from_wire(DispatchShipment, DISPATCH_SHIPMENT | KEY))
    assert isinstance(decision, Accepted)
    assert isinstance(decision.event, ShipmentDispatched)
    assert decision.state.state is ShipmentState.DISPATCHED


def test_dispatch_shipment_needs_its_state() -> None:
    shipment = create_shipment(from_wire(CreateShipment, CREATE_SHIPMENT), IDENTITY).state
    for state in [ShipmentState.DISPATCHED]:
        elsewhere = replace(shipment, state=state)
        with pytest.raises(IllegalState):
            dispatch_shipment(elsewhere, from_wire(DispatchShipment, DISPATCH_SHIPMENT | KEY))
