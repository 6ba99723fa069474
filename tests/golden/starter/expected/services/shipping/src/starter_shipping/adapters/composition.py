"""Puts the service together: the one place that knows every class."""

from __future__ import annotations

from starter_shipping.adapters.shipment_repository import shipment_repository
from starter_shipping.application.create_shipment import CreateShipmentHandler
from starter_shipping.application.dispatch_shipment import DispatchShipmentHandler
from starter_shipping.application.get_shipment import GetShipmentHandler
from starter_shipping.domain.shipment import Shipment
from starter_shipping.gen.ports import Handlers, ShipmentRepository


def compose() -> Handlers:
    """Every handler, over PostgreSQL."""
    return assemble(shipments=shipment_repository())


def assemble(*, shipments: ShipmentRepository[Shipment]) -> Handlers:
    """Every handler, over the repositories given: tests give some that live in memory."""
    return Handlers(
        create_shipment=CreateShipmentHandler(shipments),
        dispatch_shipment=DispatchShipmentHandler(shipments),
        get_shipment=GetShipmentHandler(shipments),
        find_shipments=shipments.find,
    )
