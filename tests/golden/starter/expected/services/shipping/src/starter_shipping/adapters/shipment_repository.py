"""Keeps every `Shipment` in PostgreSQL."""

from __future__ import annotations

from chassis.aggregates import AggregateTable

from starter_shipping.domain.shipment import Shipment
from starter_shipping.gen.ports import ShipmentRepository


def shipment_repository() -> ShipmentRepository[Shipment]:
    """One row of table `shipments` for a shipment."""
    return AggregateTable(Shipment, table="shipments", key="id")
