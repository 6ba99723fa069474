"""The aggregate `Shipment`: its state, and what it answers to each command.

Nothing here reads or writes anything: a decision is a function of the state and the command.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from chassis.domain import Accepted, IllegalState

from starter_shipping.gen.messages import CreateShipment, DispatchShipment, ShipmentCreated, ShipmentDispatched


class ShipmentState(StrEnum):
    """What a shipment goes through."""

    CREATED = "created"
    DISPATCHED = "dispatched"


@dataclass(frozen=True, kw_only=True, slots=True)
class Shipment:
    """A shipment as it is between two commands."""

    id: UUID
    order_id: UUID
    customer_id: UUID
    address: str
    state: ShipmentState


def create_shipment(command: CreateShipment, identity: UUID) -> Accepted[Shipment, ShipmentCreated]:
    """Answer `CreateShipment`."""
    shipment = Shipment(
        id=identity,
        order_id=command.order_id,
        customer_id=command.customer_id,
        address=command.address,
        state=ShipmentState.CREATED,
    )
    event = ShipmentCreated(
        shipment_id=shipment.id,
        customer_id=command.customer_id,
        order_id=command.order_id,
        address=command.address,
    )
    return Accepted(shipment, event)


def dispatch_shipment(shipment: Shipment, command: DispatchShipment) -> Accepted[Shipment, ShipmentDispatched]:
    """Answer `DispatchShipment`."""
    allowed = [ShipmentState.CREATED]
    if shipment.state not in allowed:
        raise IllegalState("DispatchShipment", shipment.state, allowed)
    after = replace(shipment, state=ShipmentState.DISPATCHED)
    event = ShipmentDispatched(shipment_id=after.id, customer_id=after.customer_id)
    return Accepted(after, event)
