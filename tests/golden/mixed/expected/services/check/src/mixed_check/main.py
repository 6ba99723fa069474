"""Runs the service `check`: `python -m mixed_check.main`."""

from chassis.service import run

from mixed_check.adapters.composition import compose
from mixed_check.gen.wiring import wire

if __name__ == "__main__":
    run(wire(compose()))
