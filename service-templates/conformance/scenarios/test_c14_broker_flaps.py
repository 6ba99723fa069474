"""C14: the way to the broker is cut, slowed, torn and reset. Nothing is lost, doubled in effect or reordered."""

from __future__ import annotations

import threading

import pytest

from rig.fleet import Fleet
from rig.invariants import await_rest
from rig.load import Load

TOXICS: tuple[tuple[str, str, dict[str, int]], ...] = (
    ("reset_peer", "downstream", {"timeout": 100}),
    ("timeout", "upstream", {"timeout": 500}),
    ("slicer", "downstream", {"average_size": 64, "size_variation": 32, "delay": 50}),
    ("limit_data", "downstream", {"bytes": 2000}),
    ("latency", "downstream", {"latency": 400, "jitter": 200}),
)


@pytest.mark.parametrize("rounds", [1, pytest.param(4, marks=pytest.mark.full)])
def test_toxics_on_the_way_to_the_broker(fleet: Fleet, rounds: int) -> None:
    fleet.only()
    for service in ("counter", "tally"):
        fleet.start(service, **fleet.servers.behind_proxies(fleet.database_url(service)))
    load = Load(fleet, keys=10, pace=0.05)
    with load.flowing():
        for kind, stream, attributes in TOXICS * rounds:
            with fleet.servers.to_kafka.toxic(kind, stream, **attributes):
                threading.Event().wait(2)  # so long the fault lasts
        with fleet.servers.to_kafka.down():
            threading.Event().wait(2)
    load.check()
    await_rest(fleet)
    fleet.only()
    fleet.ensure("counter", "tally")
