"""Availability of a service that needs others at the moment of its answer. Shares are 0..1.

Only calls count: what comes by event may be late without the service being down.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import prod

from fleetgen.analysis.graph import Graph
from fleetgen.model.fleet import Fleet, Service


def serial(own: float, needed: Iterable[float]) -> float:
    """F5: the product of the own availability and that of each hard dependency, every one once."""
    return own * prod(needed)


def own_share(target: float) -> float:
    """F7: of the unavailability a target allows, half is for the service itself, half for all it needs."""
    return 1 - (1 - target) / 2


def needed_for(target: float, dependencies: int) -> float:
    """F7: what each of so many hard dependencies must reach, when they share half of the allowed unavailability."""
    return 1 - (1 - target) / (2 * dependencies)


def target_of(fleet: Fleet, service: Service) -> float | None:
    """The availability a service must reach: its own target, else the fleet's."""
    for slo in (service.slo, fleet.slo):
        if slo is not None and slo.availability is not None:
            return slo.availability
    return None


def hard_dependencies(graph: Graph, service: str) -> tuple[str, ...]:
    """All that must answer for the service to answer: calls, and the calls of what is called."""
    return graph.calls.reachable(service)
