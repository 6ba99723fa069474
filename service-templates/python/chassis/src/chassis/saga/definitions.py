"""Which versions of sagas a service knows, and whether it may start with them.

Every version is kept in `saga_definition` when a service first starts with it. A version that has live instances must
not lose or move steps, and everything its steps need must still be there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from psycopg.types.json import Jsonb

from chassis.definition import Definition, Saga
from chassis.work import Connection

Version = tuple[str, int]
"""Type of saga and version of its definition."""

_STORED = "SELECT definition FROM saga_definition ORDER BY saga_type, version"
_LIVE = """
SELECT saga_type, definition_version, array_agg(DISTINCT name) FROM saga_instance JOIN saga_step USING (saga_id)
 WHERE saga_instance.status IN ('running', 'compensating', 'stuck') GROUP BY saga_type, definition_version
"""
_STORE = """
INSERT INTO saga_definition AS d (saga_type, version, definition) VALUES (%s, %s, %s)
ON CONFLICT (saga_type, version) DO UPDATE SET definition = excluded.definition, stored_at = now()
 WHERE d.definition <> excluded.definition
"""


def stored(connection: Connection) -> dict[Version, Saga]:
    """The versions that this service has ever started with."""
    found = [Saga.model_validate(row[0]) for row in connection.execute(_STORED).fetchall()]
    return {(saga.name.text, saga.version): saga for saga in found}


def store(connection: Connection, saga: Saga) -> None:
    """Keep this version, or what has changed in it."""
    connection.execute(_STORE, (saga.name.text, saga.version, Jsonb(saga.model_dump(mode="json"))))


def live(connection: Connection) -> dict[Version, frozenset[str]]:
    """The versions that have live instances here, and the commands of the steps at which these have been."""
    return {(row[0], row[1]): frozenset(row[2]) for row in connection.execute(_LIVE).fetchall()}


def faults(
    definition: Definition, known: Mapping[Version, Saga], running: Mapping[Version, Collection[str]]
) -> Iterator[str]:
    """Why the service must not start, in words; nothing when it may."""
    current = {(saga.name.text, saga.version): saga for saga in definition.sagas}
    for version, passed in sorted(running.items()):
        name = f"{version[0]} version {version[1]}"
        before, now = known.get(version), current.get(version)
        if before is not None and now is not None:
            yield from _moved(name, before, now)
        saga = now or before
        if saga is None:
            yield f"{name}: its definition is not known"
            continue
        steps = {each for step in saga.steps for each in (step.name, step.undo)}
        if gone := sorted(set(passed) - steps):
            yield f"{name}: its steps {', '.join(gone)} are gone"
        if missing := sorted(_missing(definition, saga)):
            yield f"{name}: {', '.join(missing)} are not known any more"


def _moved(name: str, before: Saga, now: Saga) -> Iterator[str]:
    """Steps have numbers: new ones may only be added behind the others."""
    was, is_ = [step.name for step in before.steps], [step.name for step in now.steps]
    if is_[: len(was)] != was:
        lost = [step for step in was if step not in is_]
        what = f"steps {', '.join(lost)} were removed" if lost else "its steps were moved"
        yield f"{name}: {what}; raise the saga's version instead"


def _missing(definition: Definition, saga: Saga) -> Iterator[str]:
    """What the conductor or watcher of the saga must know to send its commands or hear its events."""
    me = definition.name.kebab
    if saga.owner != me:
        return
    conducts = saga.mode == "orchestration"
    there: Collection[str] = definition.commands_by_name if conducts else definition.events_by_name
    for step in saga.steps:
        commands, events = [step.name, step.undo], [step.succeeds_with, step.refuses_with, step.undone_with]
        yield from (each for each in (commands if conducts else events) if each and each not in there)
