"""An anti-corruption layer's place: the upstream's event goes in, the handler sees the service's own term for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chassis.message import from_wire, to_wire
from chassis.work import UnitOfWork

if TYPE_CHECKING:
    from chassis.service import Service

Upstream = TypeVar("Upstream")
Own = TypeVar("Own")


@dataclass(frozen=True)
class Translated(Generic[Upstream, Own]):
    """An observer of the upstream's event made of a translator and a handler that never sees the event."""

    translate: Callable[[Upstream], Own]
    handler: Callable[[Own, UnitOfWork], None]

    def __call__(self, event: Upstream, work: UnitOfWork, /) -> None:
        """Translate, then handle."""
        self.handler(self.translate(event), work)


def own_terms(service: Service, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """An event (wire JSON) as the service's translator words it; as it is where there is none.

    Raises:
        InvalidMessage: it does not fit the upstream's message.
    """
    translate = service.translators.get(name)
    return event if translate is None else to_wire(translate(from_wire(service.messages[name], event)))
