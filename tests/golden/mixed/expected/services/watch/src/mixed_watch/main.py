"""Runs the service `watch`: `python -m mixed_watch.main`."""

from chassis.service import run

from mixed_watch.adapters.composition import compose
from mixed_watch.gen.wiring import wire

if __name__ == "__main__":
    run(wire(compose()))
