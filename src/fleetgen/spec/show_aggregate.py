"""An aggregate with everything filled in, for `show`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from fleetgen.model.fleet import Aggregate, Command, Event, Field, Query
from fleetgen.model.types import Type
from fleetgen.spec.emit import Said
from fleetgen.spec.quantities import duration_text

Data = dict[str, Any]


def commented(value: Any, comment: str) -> Said:
    """A value with what the grammar has no key for."""
    return Said(value, comment)


def listed(names: Iterable[str]) -> str:
    """For a comment."""
    return ", ".join(names)


def _filled(data: Mapping[str, Any]) -> Data:
    return {key: value for key, value in data.items() if value not in ("", None, {}, [], ())}


def _type(of: Type) -> Any:
    if of.of is not None:
        return {of.kind: _type(of.of)}
    return of.value or of.kind


def _fields(fields: Iterable[Field]) -> Data:
    return {
        each.name: {"type": _type(each.type), "renamed-from": each.renamed_from}
        if each.renamed_from
        else _type(each.type)
        for each in fields
    }


def aggregate_data(aggregate: Aggregate) -> Data:
    """All keys of one aggregate."""
    generated = aggregate.key_generated
    fields = [each for each in aggregate.fields if not (generated and each == aggregate.key)]
    sensitive: dict[str, list[str]] = {}
    for each in fields:
        if each.sensitive:
            sensitive.setdefault(each.sensitive, []).append(each.name)
    return _filled(
        {
            "kind": aggregate.kind,
            "key": commented(aggregate.key.name, f"{aggregate.key.type}, {'made here' if generated else 'given'}"),
            "fields": _fields(fields),
            "values": {each.name: _fields(each.fields) for each in aggregate.values},
            "sensitive": sensitive,
            "states": list(aggregate.states),
            "partition-by": aggregate.partition_by,
            "snapshot-every": aggregate.snapshot_every,
            "invariants": [each.text for each in aggregate.invariants],
            "commands": {each.name: _command(each, aggregate) for each in aggregate.commands},
            "events": _events(aggregate),
            "queries": {each.name: _query(each) for each in aggregate.queries},
            "read-models": {
                each.name: _filled(
                    {
                        "key": each.key,
                        "from": [event.name for event in each.events],
                        "stale-at-most": None if each.stale_at_most is None else duration_text(each.stale_at_most),
                        "exposure": each.exposure,
                        "scopes": list(each.scopes),
                        "waive": dict(each.waive),
                    }
                )
                for each in aggregate.read_models
            },
            "former-states": dict(aggregate.former_states),
            "dropped": list(aggregate.dropped),
            "renamed-from": aggregate.renamed_from,
            "waive": dict(aggregate.waive),
        }
    )


def _command(command: Command, aggregate: Aggregate) -> Data:
    told = f"carries {listed(each.name for each in command.emits.fields)}; ordered by {command.emits.key}"
    rest = {
        "exposure": command.exposure,
        "scopes": list(command.scopes),
        "version": command.version,
        "renamed-from": command.renamed_from,
        "waive": dict(command.waive),
    }
    if command.target == "collection":
        return _filled({"emits": commented(command.emits.name, told), **rest})
    skip = aggregate.key.name if command.target == "existing" or not aggregate.key_generated else ""
    takes: Any = {each.name: _type(each.type) for each in command.inputs if each.name != skip}
    body = {
        "emits": commented(command.emits.name, told),
        "or": _rejection(command),
        "from": list(command.allowed_from),
        "to": command.to,
        "changes": {each.field: each.text for each in command.changes},
        "carries": list(command.carries),
        **rest,
    }
    if command.rejected_to:
        body["or"] = commented(body["or"], f"then `{command.rejected_to}`")
    creates = command.target == "new"
    return {"creates": creates, "takes": takes if takes else [], **_filled(body)}


def _rejection(command: Command) -> Any:
    if command.rejection is None:
        return None
    return {command.rejection.name: command.reject_when_text} if command.reject_when_text else command.rejection.name


def _events(aggregate: Aggregate) -> Data:
    return {each.name: _event(each) for each in aggregate.events}


def _event(event: Event) -> Data:
    return _filled({"version": event.version, "renamed-from": event.renamed_from, "waive": dict(event.waive)})


def _query(query: Query) -> Data:
    return _filled(
        {
            "takes": [each.name for each in query.takes],
            "gives": [each.name for each in query.gives],
            "exposure": query.exposure,
            "scopes": list(query.scopes),
            "waive": dict(query.waive),
        }
    )
