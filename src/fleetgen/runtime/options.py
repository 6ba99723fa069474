"""What a person may wish when a fleet is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fleetgen.runtime.broker.provider import BrokerKind


@dataclass(frozen=True)
class UpOptions:
    """Wishes for `up`.

    `only` starts these services and all servers. `environment` adds variables to services by name, `*` to all.
    `patience` is how long all may take to answer before it counts as a failure.
    """

    only: tuple[str, ...] = ()
    broker: BrokerKind | None = None
    reload: bool = True
    detach: bool = False
    patience: float = 120.0
    environment: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """For a detached supervisor."""
        return asdict(self)

    @staticmethod
    def from_json(content: dict[str, Any]) -> UpOptions:
        """What `to_json` made."""
        return UpOptions(**{**content, "only": tuple(content["only"])})
