"""`DispatchShipment`, a command on a shipment."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_shipping.domain.shipment import Shipment, dispatch_shipment
from starter_shipping.gen.messages import DispatchShipment, ShipmentDispatched
from starter_shipping.gen.ports import ShipmentRepository


@dataclass(frozen=True)
class DispatchShipmentHandler:
    """Carries out `DispatchShipment`."""

    shipments: ShipmentRepository[Shipment]

    def __call__(self, command: DispatchShipment, work: UnitOfWork, /) -> ShipmentDispatched:
        """Give the event, which is published when the transaction commits."""
        shipment = self.shipments.get(work, command.id)
        decision = dispatch_shipment(shipment, command)
        self.shipments.save(work, decision.state)
        return decision.event
