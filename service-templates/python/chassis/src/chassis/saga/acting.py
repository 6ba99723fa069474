"""One saga within a unit of work: what every part of the engine is handed."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from chassis.saga.flow import Flow
from chassis.work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Acting:
    """Acting for the saga `saga_id` of the kind `flow` in the transaction of `work`."""

    work: UnitOfWork
    flow: Flow
    saga_id: UUID

    @property
    def key(self) -> str:
        """The key of all messages about the saga."""
        return str(self.saga_id)
