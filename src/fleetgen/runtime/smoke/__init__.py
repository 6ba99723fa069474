"""`smoke`: every saga of a running fleet, once happily and once into each compensation, through the public API."""

from fleetgen.runtime.smoke.drive import smoke
from fleetgen.runtime.smoke.result import Check, SmokeResult, SmokeRun

__all__ = ["Check", "SmokeResult", "SmokeRun", "smoke"]
