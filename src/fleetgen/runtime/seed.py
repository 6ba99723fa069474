"""Example data for a running fleet, made through its public API: what a person sees when they first look around."""

from __future__ import annotations

from pathlib import Path

from fleetgen.facts.schema import CommandFact
from fleetgen.runtime.events import Listener, Note, silent
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.monorepo import LocalService, read_monorepo
from fleetgen.runtime.smoke.caller import Caller, Refused
from fleetgen.runtime.smoke.values import Fresh
from fleetgen.runtime.state import running_state


def seed(root: Path, on_event: Listener = silent) -> int:
    """Carry out the first creating command of each aggregate with its example; returns how many succeeded.

    Commands that start a saga are left to `smoke`, which prepares what the saga needs.
    """
    folder = FleetFolder(root)
    fleet, state = read_monorepo(root), running_state(folder)
    caller = Caller(fleet, state.addresses, folder.secret("mint"))
    made = 0
    for service in fleet.services:
        for command in _creating(service):
            fresh = Fresh()
            try:
                done = caller.carry_out(service.name, command, fresh.of(command.example))
            except Refused as refused:
                on_event(Note(f"seed: {refused}"))
                continue
            made += 1
            on_event(Note(f"seed: {done.event} {done.key}"))
    return made


def _creating(service: LocalService) -> list[CommandFact]:
    found: dict[str, CommandFact] = {}
    for command in service.facts.commands:
        if command.target == "new" and not command.starts:
            found.setdefault(command.aggregate.text, command)
    return list(found.values())
