"""Ports: free ones, kept over restarts, different for every fleet on this machine."""

from __future__ import annotations

import fcntl
import json
import socket
from collections.abc import Iterable
from pathlib import Path

from fleetgen.runtime.folder import FleetFolder
from fleetgen.runtime.lab import lab

# Below the ports that Linux gives to outgoing connections, so that no client of ours can hold one of them.
FIRST, LAST = 20000, 31999


def keep_ports(folder: FleetFolder, names: Iterable[str]) -> dict[str, int]:
    """A port for each name: the one of last time while it is free, else the next free one.

    A table beside the cache says which fleet has which ports, so that two fleets never choose the same.
    """
    path = folder.path / "ports.json"
    kept: dict[str, int] = folder.read(path) or {}
    table = lab() / "ports.json"
    table.parent.mkdir(parents=True, exist_ok=True)
    with (lab() / "ports.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        others = _others(table, folder.root)
        chosen = _choose(list(names), kept, {port for ports in others.values() for port in ports}, folder.mark)
        folder.write(path, {**kept, **chosen})
        folder.write(table, {**others, str(folder.root): sorted({*kept.values(), *chosen.values()})})
    return chosen


def _others(table: Path, root: Path) -> dict[str, list[int]]:
    try:
        known: dict[str, list[int]] = json.loads(table.read_text())
    except (OSError, ValueError):
        return {}
    return {place: ports for place, ports in known.items() if place != str(root) and (Path(place) / ".fleet").is_dir()}


def _choose(names: list[str], kept: dict[str, int], taken: set[int], mark: str) -> dict[str, int]:
    chosen: dict[str, int] = {}
    busy = taken | {port for name, port in kept.items() if name not in names}
    for name in names:
        port = kept.get(name)
        if port is not None and port not in busy and is_free(port):
            chosen[name] = port
            busy.add(port)
    place = FIRST + int(mark, 16) % (LAST - FIRST)
    for name in names:
        if name in chosen:
            continue
        for _ in range(LAST - FIRST):
            place = FIRST if place >= LAST else place + 1
            if place not in busy and is_free(place):
                break
        chosen[name] = place
        busy.add(place)
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen there on loopback and on all addresses."""
    for host in ("127.0.0.1", "0.0.0.0"):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                return False
    return True
