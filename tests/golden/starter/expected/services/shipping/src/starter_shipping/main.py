"""Runs the service `shipping`: `python -m starter_shipping.main`."""

from chassis.service import run

from starter_shipping.adapters.composition import compose
from starter_shipping.gen.wiring import wire

if __name__ == "__main__":
    run(wire(compose()))
