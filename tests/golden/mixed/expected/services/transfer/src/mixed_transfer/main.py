"""Runs the service `transfer`: `python -m mixed_transfer.main`."""

from chassis.service import run

from mixed_transfer.adapters.composition import compose
from mixed_transfer.gen.wiring import wire

if __name__ == "__main__":
    run(wire(compose()))
