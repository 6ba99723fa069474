"""Fresh values for each run: the examples of a specification never change, but a key may be used only once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from fleetgen.facts.schema import AggregateFact, PrerequisiteFact
from fleetgen.runtime.monorepo import LocalFleet


class Fresh:
    """Replaces values wherever they stand, the same by the same."""

    def __init__(self) -> None:
        """Nothing is replaced yet."""
        self._new: dict[str, str] = {}

    def replace(self, old: str, new: str) -> None:
        """From now on `new` stands for `old`."""
        self._new[old] = new

    def of(self, value: Any) -> Any:
        """The value with everything replaced; an id seen for the first time gets a new one."""
        if isinstance(value, Mapping):
            return {name: self.of(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.of(item) for item in value]
        if not isinstance(value, str):
            return value
        if value not in self._new and _is_uuid(value):
            self._new[value] = str(uuid.uuid4())
        return self._new.get(value, value)


def natural_keys(fleet: LocalFleet, prerequisites: Iterable[PrerequisiteFact]) -> dict[str, str]:
    """The texts that are keys of what a run makes first, each with a new one: `sku` of the stock that is opened."""
    found: dict[str, str] = {}
    for before in prerequisites:
        command = fleet.command(before.service, before.command)
        aggregate = aggregate_of(fleet, before.service, command.aggregate.text)
        value = before.input.get(aggregate.key.name.text)
        if command.target == "new" and not aggregate.key_generated and isinstance(value, str) and not _is_uuid(value):
            found[value] = f"{value}-{uuid.uuid4().hex[:8]}"
    return found


def aggregate_of(fleet: LocalFleet, service: str, name: str) -> AggregateFact:
    """An aggregate of a service."""
    return next(found for found in fleet.service(service).facts.aggregates if found.name.text == name)


def _is_uuid(text: str) -> bool:
    try:
        return len(text) == 36 and str(uuid.UUID(text)) == text
    except ValueError:
        return False
