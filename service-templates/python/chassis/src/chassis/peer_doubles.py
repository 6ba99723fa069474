"""Other services in memory, for a service's own tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chassis.calling import NOT_FOUND, PeerAnswer
from chassis.work import UnitOfWork


@dataclass
class MemoryPeers:
    """Answers in the place of other services, and keeps what they were asked.

    Attributes:
        given: content (wire JSON) of what a query gives, by peer and path; 404 for what is not there.
        outcomes: event and its data that a command leads to, by peer and path.
    """

    given: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    outcomes: dict[tuple[str, str], tuple[str, dict[str, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def ask(self, peer: str, path: str, inputs: Mapping[str, Any], work: UnitOfWork) -> tuple[int, dict[str, Any]]:
        """What is given."""
        self.asked.append((peer, path, dict(inputs)))
        content = self.given.get((peer, path))
        return (NOT_FOUND, {}) if content is None else (200, content)

    def tell(self, peer: str, path: str, inputs: Mapping[str, Any], key: str, work: UnitOfWork) -> PeerAnswer:
        """The outcome."""
        self.asked.append((peer, path, dict(inputs)))
        event, data = self.outcomes[peer, path]
        return PeerAnswer(200, event, data, rejected=False)
