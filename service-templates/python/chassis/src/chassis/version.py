"""The version of this chassis, and whether it is new enough for a service."""

from __future__ import annotations

from chassis.definition import Definition

VERSION = "1.0.0"


def unsatisfied(definition: Definition) -> str:
    """What to do when the service needs a newer chassis; nothing when this one will do."""
    least = definition.chassis.least
    if _parts(VERSION) >= _parts(least) and _parts(VERSION)[0] == _parts(least)[0]:
        return ""
    if _parts(VERSION)[0] > _parts(least)[0]:
        return (
            f"{definition.name.text} was generated for chassis {least}, this is {VERSION}, another major version: "
            f"run `cd services/{definition.name.text} && copier update -A -l`"
        )
    return (
        f"{definition.name.text} needs chassis {least} or newer, this is {VERSION}: "
        "run `cd libs/chassis-python && copier update -A -l`"
    )


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
