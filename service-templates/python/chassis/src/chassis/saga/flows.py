"""The sagas a service takes part in, in the versions that still run: a saga keeps the version it began with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from chassis.definition import Saga
from chassis.saga.flow import Flow


class Flows:
    """By type of saga; `[type]` is the present version."""

    def __init__(self, sagas: Iterable[Saga]) -> None:
        self._current = {saga.name.text: Flow(saga) for saga in sagas}
        self._kept: dict[tuple[str, int], Flow] = {}

    def __getitem__(self, saga_type: str) -> Flow:
        return self._current[saga_type]

    def values(self) -> Iterator[Flow]:
        """The present versions."""
        return iter(self._current.values())

    def all(self) -> Iterator[Flow]:
        """Every version that is known, the present ones first."""
        yield from self._current.values()
        yield from self._kept.values()

    def keep(self, saga: Saga) -> None:
        """Know an older version, too."""
        current = self._current.get(saga.name.text)
        if current is None or current.saga.version != saga.version:
            self._kept[saga.name.text, saga.version] = Flow(saga)

    def of(self, saga_type: str, version: int = 0) -> Flow | None:
        """That version, else the present one; `None` for a type that is not known at all."""
        kept = self._kept.get((saga_type, version))
        if kept is not None:
            return kept
        return self._current.get(saga_type) or self._newest(saga_type)

    def at(self, saga_type: str, step: str, version: int = 0) -> Flow | None:
        """The version that a message about a step belongs to: the one it names, else the newest that has the step."""
        named = self.of(saga_type, version)
        if named is not None and named.seq(step):
            return named
        having = [flow for flow in self.all() if flow.name == saga_type and flow.seq(step)]
        return max(having, key=lambda flow: flow.saga.version, default=None)

    def _newest(self, saga_type: str) -> Flow | None:
        versions = [flow for (name, _), flow in self._kept.items() if name == saga_type]
        return max(versions, key=lambda flow: flow.saga.version, default=None)
