"""Finds what leaves: services and aggregates that the recorded answers have and the specification has no longer."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fleetgen.evolve.actions import Kind, Plan
from fleetgen.evolve.departure import Departure
from fleetgen.evolve.desired import Desired, place
from fleetgen.evolve.disk import Disk, inside
from fleetgen.evolve.lock import read as read_lock
from fleetgen.evolve.ownership import ANSWERS, LOCK, Owner, owner_of
from fleetgen.evolve.recorded import is_migration
from fleetgen.render.answers import load
from fleetgen.render.files import File

_Facts = Mapping[str, Any]
_MADE = frozenset({"__pycache__", ".venv", "node_modules", ".mypy_cache", ".ruff_cache", ".pytest_cache"})


def departures(root: Path, desired: Desired, plan: Plan) -> tuple[Departure, ...]:
    """Compare the answers on disk with those wanted. Answers that cannot be read were reported by the plan."""
    disk = Disk(root)
    lock_file = disk.look(LOCK)
    if not isinstance(lock_file, File):
        return ()
    lock = read_lock(lock_file.content)
    if lock.specification == desired.specification:
        return ()  # newer templates alone take nothing out of the fleet
    changing = {action.path for action in plan.actions}  # only who has other answers leaves anything behind
    projects = [project for project in sorted(lock.projects) if place(project, ANSWERS) in changing]
    return tuple(
        departure
        for project in projects
        if (recorded := _recorded(disk, project))
        for departure in _of(root, project, recorded, desired, plan)
    )


def _recorded(disk: Disk, project: str) -> _Facts:
    file = disk.look(place(project, ANSWERS))
    answers = load(file.content) if isinstance(file, File) else None
    service = (answers or {}).get("service")
    return service if isinstance(service, dict) and service.get("name") else {}


def _of(root: Path, project: str, recorded: _Facts, desired: Desired, plan: Plan) -> Iterator[Departure]:
    wanted = {project.path: project.answers.get("service") or {} for project in desired.projects}
    readers = _readers(wanted)
    name, database = recorded["name"]["text"], recorded["package"] if recorded.get("stores") else ""
    if project not in wanted:
        topics = tuple(topic["name"] for topic in recorded.get("topics", ()))
        tables = tuple(aggregate["table"] for aggregate in recorded.get("aggregates", ()))
        reading = tuple(sorted({who for topic in topics for who in readers.get(topic, ())}))
        elsewhere = f"contracts/openapi/{recorded['name']['kebab']}.yaml" in desired.extra
        left = _left(root, project, plan)
        yield Departure("service", name, name, topics, database, tables, reading, left, elsewhere)
        return
    now = wanted[project].get("aggregates", ())
    names, used = {aggregate["name"]["text"] for aggregate in now}, {aggregate["topic"] for aggregate in now}
    formers = {aggregate["renamed_from"] for aggregate in now if aggregate.get("renamed_from")}
    for aggregate in recorded.get("aggregates", ()):
        own, topic = aggregate["name"]["text"], aggregate["topic"]
        if own in names or topic in used:
            continue
        tables = () if own in formers else (aggregate["table"],)
        yield Departure("aggregate", own, name, (topic,), database, tables, tuple(sorted(readers.get(topic, ()))))


def _readers(wanted: Mapping[str, _Facts]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for facts in wanted.values():
        for subscription in facts.get("subscriptions", ()):
            found.setdefault(subscription["topic"], set()).add(facts["name"]["text"])
    return found


def _left(root: Path, project: str, plan: Plan) -> tuple[str, ...]:
    """What will lie in the folder when the plan was carried out, and is a person's."""
    gone = {action.path for action in plan.actions if action.kind is Kind.DELETE}
    found = []
    for folder, inner, files in os.walk(root / project):
        inner[:] = sorted(set(inner) - _MADE)
        paths = ((Path(folder) / name).relative_to(root).as_posix() for name in files)
        found += [path for path in paths if inside(path) and path not in gone and _is_persons(path)]
    return tuple(sorted(found))


def _is_persons(path: str) -> bool:
    return owner_of(path) is Owner.USER and not is_migration(path)
