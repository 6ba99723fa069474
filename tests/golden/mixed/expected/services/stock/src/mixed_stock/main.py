"""Runs the service `stock`: `python -m mixed_stock.main`."""

from chassis.service import run

from mixed_stock.adapters.composition import compose
from mixed_stock.gen.wiring import wire

if __name__ == "__main__":
    run(wire(compose()))
