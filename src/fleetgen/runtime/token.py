"""Development tokens for a fleet that runs."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.http import fetch
from fleetgen.runtime.monorepo import LocalFleet, read_monorepo
from fleetgen.runtime.state import running_state

LIFETIME = 3600
OPERATOR = "admin"  # the scope that the admin interface of a service asks for


def token(
    root: Path,
    subject: str = "developer",
    scopes: tuple[str, ...] = (),
    service: bool = False,
    lifetime: int = LIFETIME,
) -> str:
    """A token of the fleet's issuer. No scopes: all that the fleet's commands, queries and read models know."""
    folder = FleetFolder(root)
    state = running_state(folder)
    wished = scopes or all_scopes(read_monorepo(root))
    return mint(
        state.addresses["issuer"],
        folder.secret("mint"),
        subject=subject,
        scopes=wished,
        service=service,
        lifetime=lifetime,
    )


def mint(
    issuer: str, secret: str, *, subject: str, scopes: tuple[str, ...], service: bool = False, lifetime: int = LIFETIME
) -> str:
    """Ask an issuer."""
    kind: Literal["user", "service"] = "service" if service else "user"
    wish = {"subject": subject, "scopes": list(scopes), "kind": kind, "lifetime": lifetime}
    reply = fetch("POST", f"{issuer}/mint", wish, {"Authorization": f"Bearer {secret}"})
    if reply is None:
        raise RuntimeProblem("the issuer of tokens does not answer", "see `fleetgen status`")
    if reply.status != 200:
        raise RuntimeProblem(f"the issuer refuses with {reply.status}: {reply.body.decode(errors='replace')}")
    issued: str = reply.json()["access_token"]
    return issued


def all_scopes(fleet: LocalFleet) -> tuple[str, ...]:
    """Every scope of the fleet."""
    found: set[str] = set()
    for service in fleet.services:
        found.update(scope for command in service.facts.commands for scope in command.scopes)
        found.update(scope for query in service.facts.queries for scope in query.scopes)
        found.update(scope for model in service.facts.read_models for scope in model.scopes)
    return tuple(sorted(found))
