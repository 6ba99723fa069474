"""The released versions of contracts in a monorepo: read, and added to. No plan ever changes or removes one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fleetgen.contracts.contract import Contract
from fleetgen.contracts.released import FOLDER, Released, unreadable
from fleetgen.contracts.released import read as read_files
from fleetgen.core.diagnostic import Diagnostic, Severity, Span, has_errors
from fleetgen.evolve.actions import Action, Kind, Plan
from fleetgen.evolve.apply import apply
from fleetgen.evolve.disk import Blocked, Disk
from fleetgen.evolve.ownership import Owner
from fleetgen.render.files import File

Diagnostics = tuple[Diagnostic, ...]


def read_released(root: Path) -> tuple[Released, Diagnostics]:
    """All released versions of the monorepo at `root`; none where nothing was released."""
    disk = Disk(root)
    files: dict[str, str] = {}
    found: list[Diagnostic] = []
    for path in _paths(root):
        file = disk.look(path)
        try:
            if isinstance(file, File):
                files[path] = file.content.decode()
            elif isinstance(file, Blocked):
                found.append(unreadable(path, file.reason))
        except UnicodeDecodeError:
            found.append(unreadable(path, "it is not text in UTF-8"))
    released, diagnostics = read_files(files)
    return released, (*found, *diagnostics)


def _paths(root: Path) -> Iterator[str]:
    """Every entry below the folder that is no folder itself; `os.walk` follows no links."""
    for folder, folders, files in os.walk(root / FOLDER):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in sorted((*files, *links)):
            yield (Path(folder) / name).relative_to(root).as_posix()


def release(root: Path, contracts: Iterable[Contract], released: Released) -> tuple[tuple[str, ...], Diagnostics]:
    """Record what `contracts/` says now as released; the files added. What the specification says must be there."""
    listed = tuple(contracts)
    disk = Disk(root)
    stale = [contract.path for contract in listed if not _written(disk, contract)]
    if stale:
        return (), tuple(_behind(path) for path in stale)
    added = released.due(listed)
    found = apply(_plan(root, added))
    return (() if has_errors(found) else tuple(added)), found


def _plan(root: Path, files: Mapping[str, str]) -> Plan:
    actions = (Action(Kind.ADD, path, Owner.FLEETGEN, None, File(text.encode())) for path, text in files.items())
    return Plan(root, tuple(sorted(actions, key=lambda action: action.path)))


def _written(disk: Disk, contract: Contract) -> bool:
    file = disk.look(contract.path)
    return isinstance(file, File) and file.content == contract.text.encode()


def _behind(path: str) -> Diagnostic:
    return Diagnostic(
        "CON-3", "contract-behind", Severity.ERROR, f"`{path}` is not what the specification says",
        Span(path), "run `fleetgen apply` first: what is released is what can be seen",
    )  # fmt: skip
