"""Runs the service `payment`: `python -m starter_payment.main`."""

from chassis.service import run

from starter_payment.adapters.composition import compose
from starter_payment.gen.wiring import wire

if __name__ == "__main__":
    run(wire(compose()))
