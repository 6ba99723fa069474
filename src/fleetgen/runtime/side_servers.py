"""The process that holds registry, receiver and issuer: its settings and how it is started."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

from fleetgen.runtime.events import RuntimeProblem
from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.http import fetch
from fleetgen.runtime.monorepo import LocalFleet, LocalService
from fleetgen.runtime.process import Launch
from fleetgen.runtime.tools import own_environment

NAMES = ("registry", "otlp", "issuer")


def side_addresses(ports: Mapping[str, int]) -> dict[str, str]:
    """Where each of the three is."""
    return {name: f"http://127.0.0.1:{ports[name]}" for name in NAMES}


def launch_side_servers(fleet: LocalFleet, folder: FleetFolder, ports: Mapping[str, int]) -> Launch:
    """Write the settings, say how to start the process."""
    home = folder.path / "servers"
    home.mkdir(mode=0o700, exist_ok=True)
    settings = home / "settings.json"
    content = {
        "ports": {name: ports[name] for name in NAMES},
        "issuer": side_addresses(ports)["issuer"],
        "audience": fleet.name,
        "released": str(folder.root / "contracts" / "released"),
        "mint_secret": folder.secret("mint"),
        "clients": {
            service.name: {
                "secret": folder.secret(f"client/{service.name}"),
                "scopes": sorted(_scopes(fleet, service)),
            }
            for service in fleet.services
        },
    }
    folder.write(settings, content)
    return Launch(
        name="servers",
        arguments=(sys.executable, "-m", "fleetgen.runtime.servers", str(settings)),
        folder=home,
        log=folder.log("servers"),
        environment=own_environment(),
        grace=5,
    )


def _scopes(fleet: LocalFleet, service: LocalService) -> set[str]:
    """What the service's calls need: it may have no more."""
    return {
        scope for peer in service.facts.peers for scope in fleet.scopes(peer.name.text, peer.commands, peer.queries)
    }  # fmt: skip


def await_side_servers(ports: Mapping[str, int], limit: float, going_on: Callable[[], bool]) -> None:
    """Wait until all three answer; `going_on` is false once the process has ended."""
    end = time.monotonic() + limit
    left = [(name, address) for name, address in side_addresses(ports).items()]
    paths = {"registry": "/subjects", "otlp": "/", "issuer": "/jwks.json"}
    while time.monotonic() < end and going_on():
        left = [(name, address) for name, address in left if fetch("GET", address + paths[name], limit=2) is None]
        if not left:
            return
        time.sleep(0.05)
    raise RuntimeProblem("the registry, the receiver or the issuer does not answer", "see `fleetgen logs servers`")
