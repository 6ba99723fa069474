"""What operators do about records that wait."""

from __future__ import annotations

from rig.fleet import Fleet
from rig.forge import Forge
from rig.invariants import group
from rig.waiting import until


def give_up(fleet: Fleet, forge: Forge, reason: str) -> None:
    """Discard the first record of the key that waits; those behind it go on."""
    path = f"parked/{group(fleet.service('tally'))}/{forge.key}"
    first, told = forge.parked()[0], []

    def gone() -> bool:
        """Tried again where somebody else had the record in hand, or it has changed since it was shown."""
        if first not in forge.parked():
            return True
        reply = fleet.operate("tally", path, method="GET")
        if reply.status == 200:
            version = reply.json()["version"]
            reply = fleet.operate("tally", f"{path}:discard", {"reason": reason}, version=version)
        told.append(reply)
        return first not in forge.parked()

    until(gone, lambda: f"{reason}: given up: {forge.parked()}, {told[-1]}", 30)
