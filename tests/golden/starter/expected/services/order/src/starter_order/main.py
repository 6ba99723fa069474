"""Runs the service `order`: `python -m starter_order.main`."""

from chassis.service import run

from starter_order.adapters.composition import compose
from starter_order.gen.wiring import wire

if __name__ == "__main__":
    run(wire(compose()))
