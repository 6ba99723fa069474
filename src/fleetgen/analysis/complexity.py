"""How complex a fleet is: one number from countable things, and the tier it falls into."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fleetgen.analysis.graph import dependency_graph
from fleetgen.model.fleet import Fleet


class Tier(StrEnum):
    """From a few services in one place to a fleet that writes in several regions at once."""

    SIMPLE = "SIMPLE"
    MODERATE = "MODERATE"
    COMPLEX = "COMPLEX"
    DISTRIBUTED = "DISTRIBUTED"


_LIMITS = ((10, Tier.SIMPLE), (25, Tier.MODERATE), (45, Tier.COMPLEX))


@dataclass(frozen=True, kw_only=True)
class Complexity:
    """F25 in its parts. `calls` are synchronous edges: between services, and from services to external systems."""

    services: int
    sagas: int
    languages: int
    store_kinds: int
    calls: int
    regimes: int
    regions: int
    active_active: bool

    @property
    def points(self) -> int:
        """Services weigh one, sagas and regimes two, a further region five; one language and store are free."""
        further = max(self.languages - 1, 0) + max(self.store_kinds - 1, 0)
        return self.services + 2 * self.sagas + further + self.calls + 2 * self.regimes + 5 * (self.regions - 1)

    @property
    def tier(self) -> Tier:
        """Writing in several regions at once is distributed whatever the points say."""
        if self.active_active:
            return Tier.DISTRIBUTED
        return next((tier for limit, tier in _LIMITS if self.points <= limit), Tier.DISTRIBUTED)


def complexity(fleet: Fleet) -> Complexity:
    """The parts, counted over what the fleet generates."""
    managed = [context for context in fleet.contexts if context.managed]
    names = {service.name for service in fleet.services}
    called = {(edge.source, edge.target) for edge in dependency_graph(fleet).calls.edges}
    outside = {(name, external.name) for external in fleet.externals for name in external.used_by}
    regimes = set(fleet.compliance).union(*(context.compliance for context in managed))
    return Complexity(
        services=len(fleet.services),
        sagas=len(fleet.sagas),
        languages=len({service.stack for service in fleet.services}),
        store_kinds=len({kind for service in fleet.services for kind in service.stores.values()}),
        calls=len([pair for pair in called | outside if pair[0] in names]),
        regimes=len(regimes),
        regions=max((context.regions for context in managed), default=1),
        active_active=any(context.active_active for context in managed),
    )
