"""`GetShipment`, a query for a shipment."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.work import UnitOfWork

from starter_shipping.domain.shipment import Shipment
from starter_shipping.gen.messages import GetShipment, GetShipmentResult
from starter_shipping.gen.ports import ShipmentRepository


@dataclass(frozen=True)
class GetShipmentHandler:
    """Answers `GetShipment`."""

    shipments: ShipmentRepository[Shipment]

    def __call__(self, query: GetShipment, work: UnitOfWork, /) -> GetShipmentResult:
        """Give one; `NotFound` is raised where there is none."""
        shipment = self.shipments.read(work, query.id)
        return GetShipmentResult(
            id=shipment.id,
            order_id=shipment.order_id,
            customer_id=shipment.customer_id,
            address=shipment.address,
            state=shipment.state,
        )
