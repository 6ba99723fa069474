"""From what is written to the resolved fleet: defaults filled in, references turned into objects."""

from fleetgen.spec.resolve.fleet import resolve

__all__ = ["resolve"]
