"""`CreateShipment`, a command on a shipment."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_shipping.domain.shipment import Shipment, create_shipment
from starter_shipping.gen.messages import CreateShipment, ShipmentCreated
from starter_shipping.gen.ports import ShipmentRepository


@dataclass(frozen=True)
class CreateShipmentHandler:
    """Carries out `CreateShipment`."""

    shipments: ShipmentRepository[Shipment]

    def __call__(self, command: CreateShipment, work: UnitOfWork, /) -> ShipmentCreated:
        """Give the event, which is published when the transaction commits."""
        decision = create_shipment(command, work.new_id())
        self.shipments.add(work, decision.state)
        return decision.event
