"""Keeps every `Transfer` in PostgreSQL."""

from __future__ import annotations

from chassis.aggregates import AggregateTable

from mixed_transfer.domain.transfer import Transfer
from mixed_transfer.gen.ports import TransferRepository


def transfer_repository() -> TransferRepository[Transfer]:
    """One row of table `transfers` for a transfer."""
    return AggregateTable(Transfer, table="transfers", key="id")
